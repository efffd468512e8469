//! Where it was measured.

use std::fs;

/// Cores, processor, memory and kernel, in a line.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cores = cpu.lines().filter(|it| it.starts_with("processor")).count();
    let of = |text: &str, name: &str| {
        let line = text.lines().find(|it| it.starts_with(name));
        let value = line.and_then(|it| it.split_once(':'));
        value.map_or_else(String::new, |(_, it)| it.trim().to_owned())
    };
    let is_virtual = of(&cpu, "flags").split(' ').any(|it| it == "hypervisor");
    let kind = if is_virtual {
        "virtual machine"
    } else {
        "machine"
    };
    let memory = of(&read("/proc/meminfo"), "MemTotal");
    let kib = memory
        .split(' ')
        .next()
        .and_then(|it| it.parse::<f64>().ok());
    let gib = kib.unwrap_or_default() / f64::from(1 << 20);
    let kernel = read("/proc/sys/kernel/osrelease");
    let release = kernel.split(['-', '\n']).next().unwrap_or_default();
    let model = of(&cpu, "model name");
    format!("{kind} with {cores} cores ({model}), {gib:.0} GiB, Linux {release}")
}
