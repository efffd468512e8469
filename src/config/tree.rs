//! Walks the parsed TOML and reads typed values from it, going on after every mistake.
//!
//! Owns what is the same for every key: wrong types, unknown keys, lists, and tables of named things. The
//! obvious derived `Deserialize` stops at the first mistake and loses places inside untagged values; this
//! reports every mistake at its place and hands on what was right. Must not know any key by name.

use std::marker::PhantomData;

use serde_json::Value;
use toml::{Spanned, de::DeValue};

use super::{
    form,
    judge::{At, Judge, shown},
    key::Key,
    suggest,
};

/// A value in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    pub(super) at: At,
    pub(super) value: &'a DeValue<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn new(value: &'a Spanned<DeValue<'a>>) -> Self {
        Self {
            at: At::Byte(value.span().start),
            value: value.get_ref(),
        }
    }

    /// The table here, whose keys are all among `known`; others are reported and left out.
    pub(super) fn table(
        self,
        known: &'static [&'static str],
        judge: &mut Judge<'_>,
    ) -> Option<Table<'a>> {
        let DeValue::Table(entries) = self.value else {
            self.wrong_type("a table", "put its keys under a `[...]` header", judge);
            return None;
        };
        let mut given = 0_u64;
        for key in entries.keys() {
            let name: &str = key.get_ref();
            match known.iter().position(|known| *known == name) {
                Some(place) => given |= 1 << (place % 64),
                None => unknown_key(At::Byte(key.span().start), name, known, judge),
            }
        }
        Some(Table { entries, given })
    }

    /// The things in the table here that the operator gives names to, `max` at most.
    pub(super) fn named(
        self,
        max: usize,
        judge: &mut Judge<'_>,
    ) -> Option<Vec<(Given<String>, Self)>> {
        let DeValue::Table(values) = self.value else {
            let suggestion = format!("give each one a header: `[{}.NAME]`", judge.key());
            self.wrong_type("a table of named tables", &suggestion, judge);
            return None;
        };
        if !is_few(values.len(), max, self.at, judge) {
            return None;
        }
        let mut named = Vec::with_capacity(values.len());
        for (key, value) in values {
            let (at, name) = (At::Byte(key.span().start), key.get_ref());
            name_is_good(at, name, judge);
            let given = Given {
                at,
                value: name.clone().into_owned(),
            };
            let inner = Self {
                at,
                ..Self::new(value)
            };
            named.push((given, inner));
        }
        Some(named)
    }

    /// What stands at `key`, if this is a table that has it.
    pub(super) fn at_key(self, key: &str) -> Option<Self> {
        let DeValue::Table(entries) = self.value else {
            return None;
        };
        let (key, value) = entries.get_key_value(key)?;
        Some(Self::under(key.span().start, value))
    }

    /// A table is best found by the name in its header, which is at `header`, a value by itself.
    fn under(header: usize, value: &'a Spanned<DeValue<'a>>) -> Self {
        let node = Self::new(value);
        let at = match node.value {
            DeValue::Table(_) => At::Byte(header),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => node.at,
        };
        Self { at, ..node }
    }

    /// Reports that something else should stand here.
    pub(super) fn wrong_type(self, expected: &str, suggestion: &str, judge: &mut Judge<'_>) {
        let found = match self.value {
            DeValue::String(text) => format!("the string `{}`", shown(text)),
            DeValue::Integer(number) => format!("the number `{}`", shown(number.as_str())),
            DeValue::Float(number) => format!("the number `{}`", shown(number.as_str())),
            DeValue::Boolean(value) => format!("`{value}`"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let text = format!("`{}` is {found}, not {expected}", judge.key());
        judge.error(self.at, text, suggestion);
    }
}

fn unknown_key(at: At, name: &str, known: &[&str], judge: &mut Judge<'_>) {
    let table = judge.key();
    let whose = if table.is_empty() {
        String::new()
    } else {
        format!(" in `[{table}]`")
    };
    let text = format!("unknown key `{}`{whose}", shown(name));
    judge.error(at, text, suggest::instead_of(name, known.iter().copied()));
}

/// A value that can be read from the file.
pub(super) trait Typed: Sized {
    /// How it is written, as a JSON Schema.
    fn form() -> Value;

    /// Reads it, or reports why not.
    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self>;
}

/// What stands at one key.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// Nothing.
    #[default]
    Missing,
    /// Something that was reported already; nothing more shall be said of it.
    Bad,
    /// A value.
    Given(Given<T>),
}

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Given<T> {
    pub(super) at: At,
    pub(super) value: T,
}

impl<T: Typed> Field<T> {
    /// What stands at the key `name`.
    pub(super) fn read(name: &str, node: Node<'_>, judge: &mut Judge<'_>) -> Self {
        match judge.within(name, |judge| T::typed(node, judge)) {
            Some(value) => Self::Given(Given { at: node.at, value }),
            None => Self::Bad,
        }
    }
}

impl<T> Field<T> {
    pub(super) const fn given(&self) -> Option<&Given<T>> {
        match self {
            Self::Given(given) => Some(given),
            Self::Missing | Self::Bad => None,
        }
    }

    pub(super) const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The value, if there is one.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Given(given) => Some(given.value),
            Self::Missing | Self::Bad => None,
        }
    }

    /// The value, or what is meant where none is given.
    pub(super) fn or(self, default: T) -> T {
        self.value().unwrap_or(default)
    }
}

/// A table of which every key is known. Its fields are taken in the order in which its keys were declared.
#[derive(Debug)]
pub(super) struct Table<'a> {
    entries: &'a toml::de::DeTable<'a>,
    /// A bit for each key, the next one lowest; where none is set, there is no need to look. Keys 64 apart share one.
    given: u64,
}

impl Table<'_> {
    /// The next field, which goes by `name`.
    pub(super) fn field<T: Typed>(&mut self, name: &str, judge: &mut Judge<'_>) -> Field<T> {
        let may_be_there = self.given & 1 == 1;
        self.given = self.given.rotate_right(1);
        if !may_be_there {
            return Field::Missing;
        }
        let Some((key, value)) = self.entries.get_key_value(name) else {
            return Field::Missing;
        };
        Field::read(name, Node::under(key.span().start, value), judge)
    }
}

/// An array of at most `MAX` values.
#[derive(Debug)]
pub(super) struct List<T, const MAX: usize> {
    pub(super) items: Vec<Given<T>>,
    /// Whether nothing was left out because it was wrong.
    pub(super) is_whole: bool,
}

impl<T: Typed, const MAX: usize> Typed for List<T, MAX> {
    fn form() -> Value {
        form::list(T::form(), MAX)
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let DeValue::Array(values) = node.value else {
            node.wrong_type("an array", "put brackets around it: `[...]`", judge);
            return None;
        };
        if !is_few(values.len(), MAX, node.at, judge) {
            return None;
        }
        let items: Vec<_> = values
            .iter()
            .filter_map(|value| {
                let node = Node::new(value);
                let value = T::typed(node, judge)?;
                Some(Given { at: node.at, value })
            })
            .collect();
        let is_whole = items.len() == values.len();
        Some(Self { items, is_whole })
    }
}

/// A table of at most `MAX` things that the operator gives names to.
#[derive(Debug)]
pub(super) struct Named<T, const MAX: usize> {
    pub(super) entries: Vec<(Given<String>, T)>,
    /// Whether nothing was left out because it was wrong.
    pub(super) is_whole: bool,
}

impl<T, const MAX: usize> Default for Named<T, MAX> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            is_whole: true,
        }
    }
}

impl<T: Typed, const MAX: usize> Typed for Named<T, MAX> {
    fn form() -> Value {
        let name = format!("[a-z0-9][a-z0-9_-]{{0,{}}}", NAME_LIMIT - 1);
        form::map(form::pattern(&name), T::form(), MAX)
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let mut named = Self::default();
        for (name, inner) in node.named(MAX, judge)? {
            match judge.within(&name.value, |judge| T::typed(inner, judge)) {
                Some(value) => named.entries.push((name, value)),
                None => named.is_whole = false,
            }
        }
        Some(named)
    }
}

/// A `T` that is read later, part by part: ten thousand services as they were typed, all at once, would take more
/// memory than everything that is made of them.
#[derive(Debug)]
pub(super) struct Later<T>(PhantomData<T>);

impl<T: Typed> Typed for Later<T> {
    fn form() -> Value {
        T::form()
    }

    fn typed(_: Node<'_>, _: &mut Judge<'_>) -> Option<Self> {
        Some(Self(PhantomData))
    }
}

/// Names become labels of metrics, parts of URLs and arguments of commands, so they are kept plain.
fn name_is_good(at: At, name: &str, judge: &mut Judge<'_>) {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let good = bytes.len() <= NAME_LIMIT
        && bytes.first().is_some_and(|first| is_plain(*first))
        && bytes
            .iter()
            .all(|byte| is_plain(*byte) || matches!(byte, b'_' | b'-'));
    if !good {
        let text = format!("`{}` is no name for a {}", shown(name), judge.key());
        let suggestion = format!(
            "use lower-case letters, digits, `-` and `_`, beginning with a letter or digit, {NAME_LIMIT} at most"
        );
        judge.error(at, text, suggestion);
    }
}

fn is_few(count: usize, limit: usize, at: At, judge: &mut Judge<'_>) -> bool {
    if count > limit {
        let text = format!("`{}` has {count} entries", judge.key());
        judge.error(at, text, format!("{limit} is the most it may have"));
    }
    count <= limit
}

/// A table of which every key is declared.
pub(super) trait Keyed: Typed {
    /// Its keys, in the order of the reference.
    fn keys() -> Vec<Key>;

    /// Has `node` stand at the key `name`, whatever stood there.
    fn put(&mut self, name: &str, node: Node<'_>, judge: &mut Judge<'_>);
}

/// Declares a table of the file: its keys, each with what it means, its type and what holds without it. Every key is
/// optional where a file is read; `validate` fills in, and says what may not be left out.
macro_rules! table {
    ($(#[doc = $about:literal])* $name:ident {
        $($(#[doc = $line:literal])* $key:ident: $type:ty = $preset:expr,)*
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Default)]
        pub(in crate::config) struct $name {
            $(pub(in crate::config) $key: $crate::config::tree::Field<$type>,)*
        }

        impl $crate::config::tree::Keyed for $name {
            fn keys() -> Vec<$crate::config::key::Key> {
                vec![$($crate::config::key::Key::new(
                    stringify!($key),
                    &[$($line),*],
                    $preset,
                    <$type as $crate::config::tree::Typed>::form(),
                )),*]
            }

            fn put(
                &mut self,
                name: &str,
                node: $crate::config::tree::Node<'_>,
                judge: &mut $crate::config::judge::Judge<'_>,
            ) {
                $(if name == stringify!($key) {
                    self.$key = $crate::config::tree::Field::read(name, node, judge);
                })*
            }
        }

        impl $crate::config::tree::Typed for $name {
            fn form() -> serde_json::Value {
                $crate::config::key::table(<Self as $crate::config::tree::Keyed>::keys())
            }

            fn typed(
                node: $crate::config::tree::Node<'_>,
                judge: &mut $crate::config::judge::Judge<'_>,
            ) -> Option<Self> {
                let mut table = node.table(&[$(stringify!($key)),*], judge)?;
                Some(Self { $($key: table.field(stringify!($key), judge),)* })
            }
        }
    };
}
pub(super) use table;

/// Characters of the name of a service or listener; it fits into one label of a host name.
const NAME_LIMIT: usize = 63;
