//! Rebuilds when a spec file appears or goes: the built-in law is embedded in the binary.

fn main() {
    println!("cargo:rerun-if-changed=specs");
}
