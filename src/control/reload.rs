//! Applying a file, the first one included.
//!
//! Owns the order of the steps: bind, then decide and publish, then open, then close. Whatever can fail comes
//! first, so that a reload happens as a whole or not at all; and a listener is closed only after the snapshot
//! that has no use for it is published.

use std::{collections::HashSet, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use futures_util::future::join_all;
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

use super::{
    controller::{Controller, OnDisk},
    handle::ReloadAnswer,
    source::{
        certificates::Applied,
        file::{Ask, Reading},
    },
};
use crate::{
    config::{Config, load},
    core::{
        event::{Event, Reload},
        notice::Notice,
        switch::Actor,
    },
    mailbox::{OpenListener, Order, SocketFate},
    tls::{Judged, Material, Renewal},
};

impl Controller {
    /// Has the file read; what was read comes back to [`reload`](Self::reload).
    pub(super) fn ask_source(&self, ask: Ask) {
        if let Err(ask) = self.source.ask(ask) {
            answer(ask, ReloadAnswer::Refused(vec![TOO_MANY.to_owned()]));
        }
    }

    /// Reads the file for somebody who only looks; files that it names are not read.
    pub(super) fn read_disk(&self, answer: oneshot::Sender<Result<Config, Vec<String>>>) {
        let OnDisk {
            path,
            environment,
            cores,
        } = self.on_disk.clone();
        spawn_blocking(move || {
            let read =
                load::read(&path).and_then(|source| load::parse(&source.under(environment), cores));
            let read = read.map(|loaded| loaded.config);
            // Whoever asked may have gone.
            let _ = answer.send(read.map_err(|problems| problems.lines()));
        });
    }

    /// Applies what was read, or says why not.
    pub(super) async fn reload(&mut self, reading: Reading) {
        let (ask, outcome) = match reading {
            Reading::File { ask, outcome } => (ask, outcome),
            Reading::Certificates { of, renewal } => return self.renew(&of, *renewal),
        };
        let applied = match outcome {
            _ if self.stopping => Err(vec![STOPPING.to_owned()]),
            Ok(judged) => self.apply(*judged, ask.actor.clone()).await,
            Err(errors) => Err(errors),
        };
        match applied {
            Ok(changes) => changes.answer(ask),
            Err(errors) => {
                self.notices.tell(&Notice::ReloadFailed {
                    errors: errors.clone(),
                });
                answer(ask, ReloadAnswer::Refused(errors));
            }
        }
    }

    /// Applies a valid file; says what has changed.
    pub(super) async fn apply(
        &mut self,
        judged: Judged,
        actor: Actor,
    ) -> Result<Changes, Vec<String>> {
        let Judged { loaded, material } = judged;
        let (config, warnings) = (loaded.config, loaded.warnings);
        let acceptors = self.vault.acceptors(&material);
        let plan = self
            .listeners
            .plan(&config.listeners, &acceptors)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        // What a snapshot needs is there before the snapshot.
        self.vault.adopt(acceptors, &material);
        self.have_key(&config);
        self.applied.clear();
        let reload = Reload {
            services: config.services.clone(),
            listeners: plan.numbers(),
            actor,
        };
        self.feed(Event::Reloaded(reload)).await;
        let mut changes = std::mem::take(&mut self.applied);
        let (opened, closed) = (plan.opened.clone(), plan.closed.clone());
        self.listeners.adopt(plan);
        let heirs: Vec<_> = opened.iter().map(|(_, addr)| *addr).collect();
        for (listener, addr) in opened {
            self.notices.tell(&Notice::ListenerOpened {
                listener: listener.name.clone(),
                addr,
            });
            self.workers.order(|| Order::Open(Arc::clone(&listener)));
        }
        let mut handed_on = Vec::new();
        for listener in closed {
            let lives_on = listener
                .socket
                .local_addr()
                .is_ok_and(|addr| heirs.contains(&addr));
            if lives_on {
                handed_on.push(self.close(listener, SocketFate::LivesOn));
            } else {
                self.close(listener, SocketFate::Closes);
            }
        }
        changes.extend(self.adopt(config));
        self.certify(material);
        for warning in warnings {
            let warning = warning.to_string();
            tracing::warn!(warning, "configuration is doubtful");
            changes.push(format!("warning: {warning}"));
        }
        Ok(Changes {
            told: changes,
            handed_on,
        })
    }

    /// Where there are sessions, there is a key: the one that is kept in the folder of the journal, or, if there is no such
    /// folder or it cannot be used, one that the next process will not know.
    fn have_key(&self, config: &Config) {
        let wanted = config.services.iter().any(|it| it.affinity.is_some());
        if !wanted || self.seals.has_key() {
            return;
        }
        let kept = self.config.process.state.as_deref();
        let kept = kept.map(|folder| self.seals.keep(folder));
        if let Some(Err(error)) = &kept {
            tracing::warn!(%error, "affinity key not kept");
        }
        if !self.seals.has_key()
            && let Err(error) = self.seals.forget()
        {
            tracing::error!(%error, "affinity key not made");
        }
    }

    /// Puts certificates to use that have changed by themselves; nothing else changes, and no connection notices.
    fn renew(&mut self, of: &Arc<Applied>, renewal: Renewal) {
        let present = self.certificates.borrow().clone();
        // Another configuration was applied since; its files are looked at for themselves.
        if self.stopping || !present.is_some_and(|present| Arc::ptr_eq(&present, of)) {
            return;
        }
        let Renewal {
            material,
            faults,
            renewed,
        } = renewal;
        let acceptors = self.vault.acceptors(&material);
        self.vault.adopt(acceptors, &material);
        self.certify(material);
        if !renewed.is_empty() || faults.is_empty() {
            let files = renewed.iter().map(|path| path.display().to_string());
            let files = files.collect();
            self.notices.tell(&Notice::CertificatesRenewed { files });
        }
        if !faults.is_empty() {
            let errors = faults.iter().map(ToString::to_string).collect();
            self.notices.tell(&Notice::CertificatesRefused { errors });
        }
    }

    /// Says what is in use: to whoever looks at the files, and to whoever asks when they expire.
    fn certify(&self, material: Material) {
        self.notices.certificates(material.certificates());
        let applied = Applied {
            config: Arc::clone(&self.config),
            material,
        };
        self.certificates.send_replace(Some(Arc::new(applied)));
    }

    /// Takes the file as the one that is applied, apart from what only a restart can change; names that.
    fn adopt(&mut self, config: Config) -> Vec<String> {
        let before = &self.config;
        let fixed = [
            ("[process]", config.process != before.process),
            ("[admin]", config.admin != before.admin),
            ("[metrics]", config.metrics != before.metrics),
            ("[traces]", config.traces != before.traces),
        ];
        self.config = Arc::new(Config {
            process: before.process.clone(),
            admin: before.admin.clone(),
            metrics: before.metrics.clone(),
            traces: before.traces.clone(),
            ..config
        });
        let snapshot = self.state.snapshot();
        let names = snapshot.services.iter().map(|it| &it.name);
        let names: HashSet<_, RandomState> = names.collect();
        self.stats.retain(|name| names.contains(name));
        let changed = fixed.into_iter().filter(|(_, changed)| *changed);
        changed
            .map(|(table, _)| format!("{table} has changed; it needs a restart"))
            .collect()
    }

    /// Has every worker let go of a listener; tells when they have. The socket stays open until the last of them has
    /// taken what waited in its queue.
    fn close(&mut self, listener: Arc<OpenListener>, fate: SocketFate) -> oneshot::Receiver<()> {
        let mut let_go = Vec::new();
        self.workers.order(|| {
            let (answer, answered) = oneshot::channel();
            let_go.push(answered);
            Order::Close(listener.id, fate, answer)
        });
        let vanished = !self.listeners.addresses().contains_key(&listener.name);
        let notices = self.notices.clone();
        let (done, is_done) = oneshot::channel();
        tokio::spawn(async move {
            // A worker that hangs keeps its own hold on the socket.
            let _ = timeout(CLOSE_TIMEOUT, join_all(let_go)).await;
            // Nobody may wait for it.
            let _ = done.send(());
            if vanished {
                notices.tell(&Notice::ListenerClosed {
                    listener: listener.name.clone(),
                });
            }
        });
        is_done
    }
}

/// What a file has changed.
pub(super) struct Changes {
    told: Vec<String>,
    /// Listeners that go on under new rules: until each has been handed on, some connections come by the old ones.
    handed_on: Vec<oneshot::Receiver<()>>,
}

impl Changes {
    /// Tells who asked, as soon as all of it holds for every connection that comes from then on. A worker that hangs is
    /// not waited for.
    fn answer(self, ask: Ask) {
        let outcome = ReloadAnswer::Applied(self.told);
        if self.handed_on.is_empty() {
            return answer(ask, outcome);
        }
        tokio::spawn(async move {
            let _ = timeout(HAND_ON_TIMEOUT, join_all(self.handed_on)).await;
            answer(ask, outcome);
        });
    }
}

fn answer(ask: Ask, outcome: ReloadAnswer) {
    if let Some(answer) = ask.answer {
        // Whoever asked may have gone.
        let _ = answer.send(outcome);
    }
}

const TOO_MANY: &str = "too many reloads wait already; try again";
const STOPPING: &str = "cutover is shutting down";
/// How long an answer waits for workers to take up a listener's new rules.
const HAND_ON_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the workers may take to let go of a listener.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
