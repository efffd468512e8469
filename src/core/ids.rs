//! Names and numbers that tell one thing from another.
//!
//! Owns the newtypes; must not know what they name. Strings and bare integers would compile when two of
//! them are exchanged; these do not.

use std::{fmt, str::FromStr, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the two pools of a service.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// The first colour.
    Blue,
    /// The second colour.
    Green,
}

impl Colour {
    /// Both colours, in the order in which they are always listed.
    pub const ALL: [Self; 2] = [Self::Blue, Self::Green];

    /// The colour that this one is not.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// The lower-case name used in files, URLs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Colour {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        match text {
            "blue" => Ok(Self::Blue),
            "green" => Ok(Self::Green),
            _ => Err(NotAColour(text.to_owned())),
        }
    }
}

/// A text that names no colour.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a colour; use `blue` or `green`")]
pub struct NotAColour(String);

/// One value for each colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByColour<T> {
    /// The blue value.
    pub blue: T,
    /// The green value.
    pub green: T,
}

impl<T> ByColour<T> {
    /// Makes both values with `make`.
    pub fn from_fn(mut make: impl FnMut(Colour) -> T) -> Self {
        Self {
            blue: make(Colour::Blue),
            green: make(Colour::Green),
        }
    }

    /// Both values with their colours, blue first.
    pub fn iter(&self) -> impl Iterator<Item = (Colour, &T)> {
        [(Colour::Blue, &self.blue), (Colour::Green, &self.green)].into_iter()
    }
}

impl<T> std::ops::Index<Colour> for ByColour<T> {
    type Output = T;

    fn index(&self, colour: Colour) -> &T {
        match colour {
            Colour::Blue => &self.blue,
            Colour::Green => &self.green,
        }
    }
}

impl<T> std::ops::IndexMut<Colour> for ByColour<T> {
    fn index_mut(&mut self, colour: Colour) -> &mut T {
        match colour {
            Colour::Blue => &mut self.blue,
            Colour::Green => &mut self.green,
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a text that was already judged; see `config::validate` for what a name may be.
            #[must_use]
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The name as it was typed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The name of a service: the `shop` of `[service.shop]`.
    ServiceName
}
name! {
    /// The name of a listener: the `web` of `[listener.web]`.
    ListenerName
}
name! {
    /// The name of a group: the `checkout` of `[group.checkout]`.
    GroupName
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number that follows this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// Number of one stretch of a pool being live, per service; rises only at a switch. The first is 1.
    Tenure(u64)
}
number! {
    /// Number of a snapshot; rises at every publish.
    Generation(u64)
}
number! {
    /// Number of a listener within one process; never used twice.
    ListenerId(u32)
}
number! {
    /// Number of an endpoint within one process; never used twice, so that a late verdict about a removed
    /// endpoint cannot meet its successor.
    EndpointId(u64)
}
number! {
    /// Number of an operation asked of the controller; never used twice within one process.
    OpId(u64)
}
number! {
    /// Place of a service in the tables of a snapshot; kept while the service exists, reused afterwards.
    ServiceSlot(u32)
}

impl ServiceSlot {
    /// The slot as an index into a table.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// `host:port` as the file names it: the host is a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct EndpointAddr(Arc<str>);

impl EndpointAddr {
    /// Wraps a text that `config::validate` (or the admin call that registers endpoints) has judged.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// `host:port`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
