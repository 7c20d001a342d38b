//! Keys come into use and go out of it, while carriers publish and apps check.

mod key_file;

use std::collections::BTreeMap;
use std::path::Path;

use vacate::keys::replace_private;

/// Tables, and in each a key by its generation.
type Written = BTreeMap<String, BTreeMap<String, String>>;

/// Takes one key out of the key file.
fn without(path: &Path, table: &str, generation: u32) {
    rewrite(path, |written| {
        let keys = written.get_mut(table).unwrap();
        keys.remove(&generation.to_string()).unwrap();
    });
}

/// Puts a key into the key file, in place of the one that may be there.
fn with(path: &Path, table: &str, generation: u32, byte: u8) {
    rewrite(path, |written| {
        let key = format!("{byte:02x}").repeat(32);
        written.get_mut(table).unwrap().insert(generation.to_string(), key);
    });
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Written)) {
    let mut written: Written = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    change(&mut written);
    let mut text = String::new();
    for (table, keys) in written {
        text.push_str(&format!("[{table}]\n"));
        text.extend(keys.iter().map(|(generation, key)| format!("{generation} = \"{key}\"\n")));
    }
    replace_private(path, &text).unwrap();
}
