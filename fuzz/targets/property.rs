//! One property of `cutover::fuzzing`, chosen when this is built: each binary of the manifest is this file, and finds its
//! property by its own name.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static PROPERTY: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = env!("CARGO_BIN_NAME");
    let mut properties = cutover::fuzzing::PROPERTIES.iter();
    let property = properties.find(|property| property.name == name);
    property
        .expect("the manifest names no property that there is not")
        .holds_of
});

fuzz_target!(|bytes: &[u8]| PROPERTY(bytes));
