//! Whether an answer in JSON has the shape that a page shows.
//!
//! Owns names and kinds; values are of the moment. `null` and an empty list are of every kind. An array is looked at by its
//! first value.

use serde_json::Value;

/// What is otherwise, each with where it is.
pub(crate) fn differences(shown: &Value, answered: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(shown, answered, "", &mut found);
    found
}

fn compare(shown: &Value, answered: &Value, at: &str, found: &mut Vec<String>) {
    match (shown, answered) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(shown), Value::Object(answered)) => {
            for (key, value) in shown {
                match answered.get(key) {
                    Some(answered) => compare(value, answered, &format!("{at}/{key}"), found),
                    None => found.push(format!("`{at}/{key}` is shown and was not answered")),
                }
            }
            let more = answered.keys().filter(|key| !shown.contains_key(*key));
            found.extend(more.map(|key| format!("`{at}/{key}` was answered and is not shown")));
        }
        (Value::Array(shown), Value::Array(answered)) => {
            if let (Some(shown), Some(answered)) = (shown.first(), answered.first()) {
                compare(shown, answered, &format!("{at}/0"), found);
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_)) => {}
        _ => found.push(format!("`{at}` is {shown} on the page and was {answered}")),
    }
}

#[test]
fn names_and_kinds_count_and_values_do_not() {
    use serde_json::json;
    let shown = json!({ "a": 1, "b": [{ "c": "x" }], "d": null });
    let same = json!({ "a": 2, "b": [{ "c": "y" }, 3], "d": { "e": 1 } });
    assert_eq!(differences(&shown, &same), Vec::<String>::new());
    let other = json!({ "a": "2", "b": [{}], "e": 1 });
    assert_eq!(differences(&shown, &other).len(), 4);
}
