//! From the start of a process to its first answer, and how large its binary is.

use std::{fs, process::Command};

use crate::{figures::Figures, peer::Peer, process::Process, stage::Stage};

/// Starts it once.
pub(crate) async fn start(stage: &Stage, peer: Peer, figures: &mut Figures) {
    let process = Process::start(stage, peer).await;
    figures.add("start", peer, process.took.as_secs_f64() * 1e3);
}

/// Its binary as it is, and without what only debuggers read.
pub(crate) fn size(stage: &Stage, peer: Peer, figures: &mut Figures) {
    let Some(binary) = peer.binary(&stage.cutover) else {
        return;
    };
    let bytes = |path: &std::path::Path| fs::metadata(path).map(|it| it.len() as f64);
    let stripped = stage.home().join("stripped");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&stripped).arg(&binary);
    let is_stripped = strip.output().is_ok_and(|it| it.status.success());
    if is_stripped && let Ok(bytes) = bytes(&stripped) {
        figures.add("size", peer, bytes);
    } else {
        eprintln!(
            "no `strip`, or nothing for it: the size of {} is not told",
            peer.title()
        );
    }
}
