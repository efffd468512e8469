//! Addresses and folders of a page, and those of its world.
//!
//! Owns the translation, both ways. A page says `127.0.0.1:8080` and `10.0.1.1:8080`; its world has a loopback address of
//! its own, so that pages are played at the same time and beside whatever else runs on the machine.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    path::Path,
    process,
    sync::atomic::{AtomicU8, Ordering},
};

/// What stands for what, in one world.
pub(crate) struct Addresses {
    own: Ipv4Addr,
    known: BTreeMap<SocketAddrV4, SocketAddrV4>,
    folders: Vec<(&'static str, String)>,
}

impl Addresses {
    pub(crate) fn new(folder: &Path) -> Self {
        static WORLDS: AtomicU8 = AtomicU8::new(1);
        // Relaxed: the numbers only have to differ.
        let world = WORLDS.fetch_add(1, Ordering::Relaxed);
        let [.., high, low] = process::id().to_be_bytes();
        let inside = |name: &str| folder.join(name).display().to_string();
        Self {
            own: Ipv4Addr::new(127, high.max(1), low, world),
            known: BTreeMap::new(),
            folders: vec![
                ("/var/lib/cutover", inside("lib")),
                ("/run/cutover", inside("run")),
                ("/etc/cutover", folder.display().to_string()),
            ],
        }
    }

    /// The text of a page, with the world's addresses.
    pub(crate) fn enter(&mut self, text: &str) -> String {
        let mut entered = String::new();
        let mut rest = text;
        while let Some((before, found, after)) = next_address(rest) {
            entered += before;
            entered += &self.real(found).to_string();
            rest = after;
        }
        entered += rest;
        for (told, real) in &self.folders {
            entered = entered.replace(told, real);
        }
        entered
    }

    /// What the world says, with the page's addresses.
    pub(crate) fn leave(&self, text: &str) -> String {
        let mut left = String::new();
        let mut rest = text;
        let told = |real| {
            self.known
                .iter()
                .find(|(_, it)| **it == real)
                .map(|(told, _)| *told)
        };
        while let Some((before, found, after)) = next_address(rest) {
            left += before;
            left += &told(found).unwrap_or(found).to_string();
            rest = after;
        }
        left += rest;
        for (told, real) in &self.folders {
            left = left.replace(real, told);
        }
        left
    }

    /// The address of the world that stands for that of a page. Everywhere and this machine are the same.
    pub(crate) fn real(&mut self, told: SocketAddrV4) -> SocketAddrV4 {
        let told = match told.ip().is_unspecified() {
            true => SocketAddrV4::new(Ipv4Addr::LOCALHOST, told.port()),
            false => told,
        };
        let is_own = *told.ip() == self.own;
        let own = self.own;
        if is_own {
            return told;
        }
        *self.known.entry(told).or_insert_with(|| {
            // Free on every address when it is asked for, and nobody else listens on this one.
            let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            SocketAddrV4::new(own, free.local_addr().unwrap().port())
        })
    }
}

/// What is before the first `IP:PORT`, that, and what is after it.
fn next_address(text: &str) -> Option<(&str, SocketAddrV4, &str)> {
    let is_part = |it: char| it.is_ascii_digit() || it == '.' || it == ':';
    let mut from = 0;
    while let Some(begin) = text.get(from..)?.find(|it: char| it.is_ascii_digit()) {
        let begin = from + begin;
        let rest = text.get(begin..)?;
        let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let found = rest.get(..length)?.trim_end_matches([':', '.']);
        if let Ok(address) = found.parse() {
            return Some((text.get(..begin)?, address, rest.get(found.len()..)?));
        }
        from = begin + length;
    }
    None
}

#[test]
fn what_enters_a_world_leaves_it_as_it_was() {
    let mut addresses = Addresses::new(Path::new("/somewhere"));
    let text = "at 10.0.0.1:8080, 2026-11-07T12:00:00.000Z, [\"127.0.0.1:9900\"] in /var/lib/cutover: 1.2.3.4";
    let entered = addresses.enter(text);
    assert!(
        !entered.contains("10.0.0.1:8080") && entered.contains("/somewhere/lib"),
        "{entered}"
    );
    assert_eq!(addresses.leave(&entered), text);
    assert_eq!(addresses.enter(&entered), entered);
    let wild = addresses.enter("0.0.0.0:9900");
    assert!(entered.contains(&wild), "{wild}");
}
