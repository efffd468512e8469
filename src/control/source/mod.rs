//! Where the configuration comes from. One file each; so far there is the file, with the files of certificates that it
//! names.

pub mod certificates;
pub mod file;
mod folders;
mod noticed;
mod settle;
