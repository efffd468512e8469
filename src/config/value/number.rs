//! Counts and shares.
//!
//! Owns whole numbers with bounds, percentages, and the one key that takes either.

use serde_json::Value;
use toml::de::{DeInteger, DeValue};

use crate::{
    config::{
        form,
        judge::Judge,
        text::{BadValue, FromText},
        tree::{Node, Typed},
    },
    core::service::MinReady,
};

/// A whole number between `MIN` and `MAX`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Count<const MIN: u32, const MAX: u32>(pub(in crate::config) u32);

impl<const MIN: u32, const MAX: u32> Typed for Count<MIN, MAX> {
    fn form() -> Value {
        form::whole_number(MIN, MAX)
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        let DeValue::Integer(number) = node.value else {
            let suggestion = format!("write `{MIN}` to `{MAX}`, without quotes");
            node.wrong_type("a whole number", &suggestion, judge);
            return None;
        };
        match whole(number).filter(|number| (MIN..=MAX).contains(number)) {
            Some(number) => Some(Self(number)),
            None => {
                let suggestion = format!("use `{MIN}` to `{MAX}`");
                BadValue::new(number.as_str(), "is out of range", suggestion)
                    .report(node.at, judge);
                None
            }
        }
    }
}

/// A share between 0 and 100 per cent.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Percent(pub(in crate::config) u8);

impl FromText for Percent {
    const KIND: &'static str = "a percentage";
    const EXAMPLE: &'static str = "\"50%\"";

    fn text_form() -> Value {
        form::pattern(PERCENT)
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let number = whole_decimal(digits).and_then(|it| u8::try_from(it).ok());
        match number.filter(|number| *number <= 100) {
            Some(number) if text.ends_with('%') => Ok(Self(number)),
            Some(number) => {
                let suggestion = format!("did you mean `{number}%`?");
                Err(BadValue::new(text, "has no `%`", suggestion))
            }
            None => {
                let suggestion = "use `0%` to `100%`, without a fraction";
                Err(BadValue::new(text, "is not a percentage", suggestion))
            }
        }
    }
}

impl Typed for MinReady {
    fn form() -> Value {
        form::either(vec![Count::<0, MIN_READY_LIMIT>::form(), Percent::form()])
    }

    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        match node.value {
            DeValue::Integer(_) => {
                Count::<0, MIN_READY_LIMIT>::typed(node, judge).map(|count| Self::Count(count.0))
            }
            DeValue::String(_) => Percent::typed(node, judge).map(|share| Self::Percent(share.0)),
            DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let suggestion = "write a number such as `1` or a share such as `\"100%\"`";
                node.wrong_type("a number or a percentage", suggestion, judge);
                None
            }
        }
    }
}

/// The number, unless it is negative or too large.
pub(super) fn whole(number: &DeInteger<'_>) -> Option<u32> {
    u32::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Digits alone: `parse` would take a sign, too.
pub(super) fn whole_decimal(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// How a percentage looks.
pub(super) const PERCENT: &str = "0*([0-9]{1,2}|100)%";
/// The most that `min_ready` may be; as many as a pool may have.
const MIN_READY_LIMIT: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::POOL_LIMIT;

    #[test]
    fn a_percentage_has_its_sign() {
        assert_eq!(Percent::from_text("50%").unwrap().0, 50);
        for (text, expected) in [
            ("50", "`50` has no `%`; did you mean `50%`?"),
            (
                "101%",
                "`101%` is not a percentage; use `0%` to `100%`, without a fraction",
            ),
            (
                "+5%",
                "`+5%` is not a percentage; use `0%` to `100%`, without a fraction",
            ),
            (
                "%",
                "`%` is not a percentage; use `0%` to `100%`, without a fraction",
            ),
        ] {
            assert_eq!(Percent::from_text(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_switch_may_ask_for_as_many_as_a_pool_may_have() {
        assert_eq!(MIN_READY_LIMIT as usize, POOL_LIMIT);
    }
}
