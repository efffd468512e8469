//! Where links lead.
//!
//! Owns relative links, anchors, and whether every page can be come to from the README. Must not ask the network: what
//! others publish is theirs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use crate::page::{Page, root};

/// How many links there are, and what is wrong with them.
pub(crate) fn check(pages: &[Page]) -> (usize, Vec<String>) {
    let anchors: BTreeMap<&Path, BTreeSet<String>> =
        pages.iter().map(|it| (&*it.path, anchors(it))).collect();
    let (mut seen, mut wrong) = (0, Vec::new());
    let mut leads: BTreeMap<&Path, BTreeSet<PathBuf>> = BTreeMap::new();
    for page in pages {
        for (line, target) in links(page) {
            seen += 1;
            match follow(page, &target, &anchors) {
                Ok(path) => _ = leads.entry(&page.path).or_default().insert(path),
                Err(problem) => wrong.push(format!("{}: `{target}`: {problem}", page.at(line))),
            }
        }
    }
    let reached = reached(&leads);
    for page in pages.iter().filter(|it| !reached.contains(&it.path)) {
        let path = page.path.display();
        wrong.push(format!(
            "{path}: no way of links leads here from README.md; link it from docs/README.md"
        ));
    }
    (seen, wrong)
}

/// Targets within the repository, each with its line.
fn links(page: &Page) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in page.prose().flat_map(|it| it.lines_without_code()) {
        for (begins, ends) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            let pieces = text.split(begins).skip(1);
            let targets = pieces.filter_map(|piece| piece.split_once(ends));
            found.extend(targets.map(|(target, _)| (line, target.to_owned())));
        }
        if text.starts_with('[')
            && let Some((_, target)) = text.split_once("]: ")
        {
            found.push((line, target.to_owned()));
        }
    }
    let is_ours = |target: &str| !target.contains("://") && !target.starts_with("mailto:");
    found.retain(|(_, target)| is_ours(target));
    found
}

/// The file that a link leads to.
fn follow(
    page: &Page,
    target: &str,
    anchors: &BTreeMap<&Path, BTreeSet<String>>,
) -> Result<PathBuf, String> {
    let target = target.split(' ').next().unwrap_or_default();
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.path.clone(),
        file => plain(&page.path.parent().unwrap().join(file)),
    };
    if !root().join(&path).exists() {
        return Err("there is no such file; change the link".to_owned());
    }
    match anchors.get(&*path) {
        _ if anchor.is_empty() => Ok(path),
        Some(known) if known.contains(anchor) => Ok(path),
        Some(known) => {
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            Err(format!(
                "there is no such heading; there are {}",
                known.join(", ")
            ))
        }
        None => Err("only pages have headings".to_owned()),
    }
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::Normal(name) => plain.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    plain
}

/// Headings, as they are named in links.
fn anchors(page: &Page) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let lines = page.prose().flat_map(|it| it.text.lines());
    for heading in lines.filter(|it| it.starts_with('#')) {
        let anchor = anchor(heading.trim_start_matches('#').trim());
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(again);
        known.insert(names.find(|name| !known.contains(name)).unwrap());
    }
    known
}

/// As GitHub makes them.
fn anchor(heading: &str) -> String {
    let mut text = String::new();
    for (at, piece) in heading.split("](").enumerate() {
        // What a link leads to is not part of the heading.
        text += if at == 0 {
            piece
        } else {
            piece.split_once(')').map_or("", |it| it.1)
        };
    }
    let kept = text.chars().filter_map(|it| match it {
        ' ' => Some('-'),
        '-' | '_' => Some(it),
        it => it.is_alphanumeric().then_some(it),
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// Every file that a way of links leads to from the README.
fn reached(leads: &BTreeMap<&Path, BTreeSet<PathBuf>>) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut next = vec![PathBuf::from("README.md")];
    while let Some(path) = next.pop() {
        if reached.insert(path.clone()) {
            next.extend(leads.get(&*path).into_iter().flatten().cloned());
            if root().join(&path).is_dir() {
                // Who is shown a folder is shown its README.
                next.push(path.join("README.md"));
            }
        }
    }
    reached
}

#[test]
fn headings_become_anchors_as_they_do_on_github() {
    for (heading, expected) in [
        (
            "Nobody answers at the admin address",
            "nobody-answers-at-the-admin-address",
        ),
        ("`[service.NAME.switch]`", "servicenameswitch"),
        ("A [link](there.md), two", "a-link-two"),
        ("HTTP/2 & gRPC", "http2--grpc"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
}
