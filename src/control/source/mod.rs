//! Where the configuration comes from. One file each; so far there is the file.

pub mod file;
