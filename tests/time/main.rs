//! Time: drains to the second, changes that do not last, answers that are slow, late, or never come.

mod boundaries;
#[path = "../common/mod.rs"]
mod common;
mod proxy;
mod targets;

use tempfile::TempDir;

use common::{changed, ec2};

/// A law whose reference server lets addresses go so many seconds after it was asked to, whatever the law says.
fn law_with(seconds: &str) -> TempDir {
    let after = "earliest = \"0\", latest = \"input.MaxDrainDurationSeconds\" }";
    let moved = format!("earliest = \"0\", latest = \"input.MaxDrainDurationSeconds\", usually = \"{seconds}\" }}");
    changed(&ec2(), &[("operations/disassociate_nat_gateway_address.toml", after, &moved)])
}
