//! Which core does what: one for the proxy, another for the load and the endpoint.
//!
//! By `taskset`, which every distribution has; a process keeps the core of the thread that started it, so whatever a
//! proxy starts stays where it is. On a machine with a single core nothing is pinned, and that is said.

use std::process::Command;

/// The cores in use.
#[derive(Clone, Copy)]
pub(crate) struct Cores(Option<(usize, usize)>);

impl Cores {
    pub(crate) fn find() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        // Whoever is pinned already sees one core; the machine has more.
        let online = std::fs::read_to_string("/proc/cpuinfo").map_or(count, |text| {
            text.lines()
                .filter(|it| it.starts_with("processor"))
                .count()
        });
        let has_taskset = Command::new("taskset").arg("--version").output().is_ok();
        Self((online > 1 && has_taskset).then_some((0, online - 1)))
    }

    /// This process, from now on.
    pub(crate) fn pin_load(self) {
        let Some((load, _)) = self.0 else {
            eprintln!("a single core, or no `taskset`: nothing is pinned, figures are rough");
            return;
        };
        let mut command = Command::new("taskset");
        command.args(["-cp", &load.to_string(), &std::process::id().to_string()]);
        assert!(command.output().unwrap().status.success());
    }

    /// Whether two can be a proxy's and two the load's.
    pub(crate) fn are_four(self) -> bool {
        self.0.is_some_and(|(_, last)| last >= 3)
    }

    /// The thread that calls, to the load's second core.
    pub(crate) fn pin_second_load(self) {
        let itself = std::fs::read_link("/proc/thread-self").unwrap();
        let itself = itself.file_name().unwrap();
        let mut command = Command::new("taskset");
        command.args(["-cp", "1"]).arg(itself);
        assert!(command.output().unwrap().status.success());
    }

    /// What a proxy's command line begins with.
    pub(crate) fn proxy(self) -> Vec<String> {
        self.proxies(1)
    }

    /// The same, with so many cores.
    pub(crate) fn proxies(self, count: usize) -> Vec<String> {
        self.0.map_or_else(Vec::new, |(_, last)| {
            let cores = format!("{}-{last}", last + 1 - count);
            ["taskset".to_owned(), "-c".to_owned(), cores].into()
        })
    }
}
