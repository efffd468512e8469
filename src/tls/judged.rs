//! A configuration, judged whole: what it says, and the files of certificates, keys and secrets that it names.

use super::material::Material;
use crate::config::{
    Problems,
    load::{self, Loaded, Source},
    secrets,
};

/// A configuration that can be applied.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What it says, and everything that is odd about it and about the files that it names.
    pub loaded: Loaded,
    /// What was made of those files.
    pub material: Material,
}

impl Judged {
    /// Reads and judges the files that a configuration names; what has not changed is taken over from `before`.
    ///
    /// # Errors
    /// Everything that is wrong with those files.
    pub fn of(mut loaded: Loaded, before: Option<&Material>) -> Result<Self, Problems> {
        secrets::fill(&mut loaded)?;
        let material = Material::read(&loaded.config, &loaded.places, before)?;
        loaded.warnings.extend(material.warnings(&loaded.places));
        Ok(Self { loaded, material })
    }

    /// Judges a file whole, the first time.
    ///
    /// # Errors
    /// Everything that is wrong with it; with the files that it names only if nothing is wrong with itself.
    pub fn read(source: &Source, cores: usize) -> Result<Self, Problems> {
        Self::of(load::parse(source, cores)?, None)
    }
}
