//! Files of certificates and keys as a source: noticing that one of them has changed, and reading it.
//!
//! Owns what was looked at last; must not put anything to use. They are looked at like the configuration file, by the
//! same reader and for the same reasons, and judged for themselves: a pair that is bad now, such as a certificate that
//! was written before its key, leaves what was good before in use, is told once, and is read again when it changes.

use std::{path::PathBuf, sync::Arc};

use tokio::{sync::watch, task::spawn_blocking};

use super::settle::settled;
use crate::{
    config::Config,
    tls::{Material, Renewal, Sum},
};

/// A configuration that is applied, with what was made of the files it names.
#[derive(Debug)]
pub struct Applied {
    /// The configuration.
    pub config: Arc<Config>,
    /// What was made.
    pub material: Material,
}

/// Looks at the files that the applied configuration names.
#[derive(Debug)]
pub(super) struct Certificates {
    applied: watch::Receiver<Option<Arc<Applied>>>,
    /// What was looked at last, and for which configuration.
    looked: Option<(Arc<Applied>, Sum)>,
    /// A configuration that was refused because of such files, which may get better.
    refused: Option<(Arc<Config>, Sum)>,
}

impl Certificates {
    pub(super) const fn new(applied: watch::Receiver<Option<Arc<Applied>>>) -> Self {
        Self {
            applied,
            looked: None,
            refused: None,
        }
    }

    /// What is in use now.
    pub(super) fn applied(&self) -> Option<Arc<Applied>> {
        self.applied.borrow().clone()
    }

    /// Notes that a configuration was refused because of the files it names, or that none was.
    pub(super) fn refuse(&mut self, refused: Option<(Arc<Config>, Sum)>) {
        self.refused = refused;
    }

    /// Every file to be watched.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let applied = self.applied();
        let applied = applied.as_deref().map(|applied| &applied.config);
        let refused = self.refused.as_ref().map(|(config, _)| config);
        let configs = applied.into_iter().chain(refused);
        configs.flat_map(|config| Material::paths(config)).collect()
    }

    /// Whether the files that a refused configuration names are others now than when it was refused.
    pub(super) async fn may_be_better(&self) -> bool {
        match &self.refused {
            Some((config, sum)) => {
                let is_known = |now: &Option<Sum>| now.is_none_or(|now| now == *sum);
                settled(|| look(config), is_known).await.is_some()
            }
            None => false,
        }
    }

    /// What the applied configuration amounts to, if one of its files has changed since it was looked at last.
    pub(super) async fn look(&mut self) -> Option<(Arc<Applied>, Renewal)> {
        let applied = self.applied()?;
        let looked = self.looked.take();
        let looked = looked.filter(|(of, _)| Arc::ptr_eq(of, &applied));
        let last = looked.map_or_else(|| applied.material.sum(), |(_, sum)| sum);
        self.looked = Some((Arc::clone(&applied), last));
        let is_known = |now: &Option<Sum>| now.is_none_or(|now| now == last);
        settled(|| look(&applied.config), is_known).await?;
        let of = Arc::clone(&applied);
        let renewal = spawn_blocking(move || of.material.renew(&of.config)).await;
        let renewal = renewal.ok()?;
        self.looked = Some((Arc::clone(&applied), renewal.material.sum()));
        Some((applied, renewal))
    }
}

fn look(config: &Arc<Config>) -> impl Future<Output = Option<Sum>> + use<> {
    let config = Arc::clone(config);
    async { spawn_blocking(move || Material::look(&config)).await.ok() }
}
