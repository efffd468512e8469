//! What the machine lets this process have: open files and memory, and how it says that there is no more.
//!
//! Owns the questions to the operating system; must not decide what follows from the answers.

mod apart;

use std::{fs, io, path::Path};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use apart::{apart, wait_apart};

/// Raises the bound on open files to the most that the process may give itself. The usual soft limit of 1024 is there
/// for programs that keep descriptors in a bit set. Where the system refuses, the old bound stays.
pub fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

/// How many files may be open; `None` if there is no bound.
#[must_use]
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Bytes of memory that the process may use: the machine's, or what its control group leaves it of that. `None` if
/// nobody says.
#[must_use]
pub fn memory() -> Option<u64> {
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let whole = total(&text(Path::new("/proc/meminfo")));
    let root = Path::new("/sys/fs/cgroup");
    let own = group(&text(Path::new("/proc/self/cgroup"))).to_owned();
    let groups = Path::new(&own).ancestors();
    let limits = groups.filter_map(|group| {
        let inside = group.strip_prefix("/").unwrap_or(group);
        limit(&text(&root.join(inside).join("memory.max")))
    });
    let old = limit(&text(&root.join("memory/memory.limit_in_bytes")));
    limits.chain(old).chain(whole).min()
}

/// Whether a call failed because the process or the system is out of something that time may bring back.
#[must_use]
pub fn is_exhausted(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    /// No local port is left for a connection.
    const EADDRNOTAVAIL: i32 = 99;
    const ENOBUFS: i32 = 105;
    matches!(
        error.raw_os_error(),
        Some(ENOMEM | ENFILE | EMFILE | EADDRNOTAVAIL | ENOBUFS)
    )
}

/// `MemTotal` of `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|it| it.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The group of version 2 in `/proc/self/cgroup`.
fn group(cgroup: &str) -> &str {
    let mut lines = cgroup.lines();
    lines.find_map(|it| it.strip_prefix("0::")).unwrap_or("/")
}

/// The number in a limit's file; `max` is none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        let meminfo = "MemTotal:       24683044 kB\nMemFree:        22929220 kB\n";
        assert_eq!(total(meminfo), Some(24_683_044 * 1024));
        assert_eq!(total(""), None);
        assert_eq!(
            group("12:memory:/x\n0::/system.slice/a.service\n"),
            "/system.slice/a.service"
        );
        assert_eq!(group(""), "/");
        assert_eq!(
            (limit("1048576\n"), limit("max\n"), limit("")),
            (Some(1 << 20), None, None)
        );
    }

    #[test]
    fn this_machine_answers() {
        assert!(memory().is_some_and(|bytes| bytes > 1 << 20));
        raise_open_files();
        assert_eq!(open_files(), getrlimit(Resource::Nofile).maximum);
    }

    #[test]
    fn want_of_descriptors_is_told_from_other_errors() {
        for code in [24, 23, 105, 12, 99] {
            assert!(is_exhausted(&io::Error::from_raw_os_error(code)));
        }
        assert!(!is_exhausted(&io::ErrorKind::ConnectionRefused.into()));
    }
}
