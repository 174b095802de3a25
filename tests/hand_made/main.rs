//! Runs on a server of Alibaba Cloud's address API that was written by hand, from what the provider publishes and not
//! from the specs: as it should be, and with mistakes.

mod cloud;
#[path = "../common/mod.rs"]
mod common;
mod server;

#[test]
#[ignore]
fn stand() {
    let mistakes = [None];
    for mistake in mistakes {
        println!("URL {:?} {}", mistake, server::start(mistake));
    }
    std::thread::sleep(std::time::Duration::from_secs(6000));
}
