//! A service with a blue and a green endpoint, and what its operator does.

use std::time::Duration;

use cutover::{
    control::handle::{SteerOrder, SwitchOrder},
    core::{
        ids::{Colour, ServiceName},
        shift::{Pace, ShiftView},
        steer::Steer,
        switch::{SwitchAnswer, WaitFor},
    },
};

use crate::support::{
    answering::Answering,
    client::Raw,
    site::{Site, operator, order, shop},
    soon,
};

/// See the module.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) blue: Answering,
    pub(crate) green: Answering,
}

impl Stage {
    /// Blue is live, both are ready; `keys` are the service's.
    pub(crate) async fn set(keys: &str) -> Self {
        let keys = &match keys.contains("probe.") {
            true => keys.to_owned(),
            false => format!("{keys}\n{STEADY}"),
        };
        let (blue, green) = (
            Answering::start("blue").await,
            Answering::start("green").await,
        );
        let site = Site::start(&shop(&[blue.addr()], &[green.addr()], keys)).await;
        for colour in Colour::ALL {
            site.ready("shop", colour, 1).await;
        }
        Self { site, blue, green }
    }

    /// Begins a shift to green at this share, where it stays.
    pub(crate) async fn shift(&self, share: &str) -> ShiftView {
        self.begin(Pace::Steps(vec![share.parse().unwrap()], Some(LONG)))
            .await
    }

    /// Begins a shift to green.
    pub(crate) async fn begin(&self, pace: Pace) -> ShiftView {
        let order = SwitchOrder {
            pace,
            wait: WaitFor::Begun,
            ..order("shop", Colour::Green)
        };
        shifting(self.site.try_switch(order).await)
    }

    pub(crate) async fn steer(&self, steer: Steer, wait: WaitFor) -> SwitchAnswer {
        let order = SteerOrder {
            service: ServiceName::new("shop"),
            steer,
            actor: operator(),
            reason: None,
            force: false,
            expect_tenure: None,
            wait,
        };
        soon(
            "what was asked of a shift",
            self.site.app().handle().steer(order),
        )
        .await
        .unwrap()
    }

    /// Sends so many requests on each of so many connections, all at once; how many green has answered.
    pub(crate) async fn green_of(&self, connections: usize, requests: usize) -> usize {
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let addr = self.site.addr();
            clients.spawn(async move {
                let mut client = Raw::connect(addr).await;
                let mut green = 0;
                for _ in 0..requests {
                    green += usize::from(colour_of(&mut client, "").await == "green");
                }
                green
            });
        }
        clients.join_all().await.into_iter().sum()
    }
}

/// Who answers a request with these fields, which must be answered well.
pub(crate) async fn colour_of(client: &mut Raw, fields: &str) -> String {
    client
        .send(format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n"))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.field("x-endpoint").unwrap().to_owned()
}

#[track_caller]
pub(crate) fn shifting(answer: SwitchAnswer) -> ShiftView {
    match answer {
        SwitchAnswer::Shifting(shift) => *shift,
        other @ (SwitchAnswer::Done { .. } | SwitchAnswer::Refused(_)) => panic!("{other:?}"),
    }
}

/// Probes that a busy machine does not fail: while the new colour is not ready, its share is the live one's.
pub(crate) const STEADY: &str =
    "probe.interval = \"1s\"\nprobe.timeout = \"1s\"\nprobe.rise = 1\nprobe.fall = 100";

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
