//! `cutover events`.

use super::against;
use crate::{
    admin::rig::{Rig, answers},
    cli::Exit,
    core::{ids::ServiceName, notice::Notice, time::Timestamp},
};

#[tokio::test]
async fn events_are_lines_or_data_as_they_happened() {
    let rig = Rig::new(answers()).await;
    for service in ["cart", "shop", "cart"] {
        let service = ServiceName::new(service);
        let notice = Notice::ServiceRemoved { service };
        rig.events.add(&notice, Timestamp::from_millis(7));
    }
    let told = against(&rig, "events --recent 3 --count 2").await;
    let first = "1970-01-01T00:00:00.007Z  cart: served no more\n";
    let second = "1970-01-01T00:00:00.007Z  shop: served no more\n";
    assert_eq!(
        (told.exit, told.results),
        (Exit::Done, format!("{first}{second}"))
    );
    let told = against(&rig, "events shop --recent 3 --count 1 --output json").await;
    let data: serde_json::Value = serde_json::from_str(&told.results).unwrap();
    assert_eq!(
        (&data["kind"], &data["service"]),
        (&"service_removed".into(), &"shop".into())
    );
    let refused = against(&rig, "events --recent 2000").await;
    assert_eq!(refused.exit, Exit::Usage);
}
