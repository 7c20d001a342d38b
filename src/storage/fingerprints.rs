//! A SHA-256 of each secret in the key file, so that a wrong file stops the start instead of making
//! every number look unknown.

use diesel::prelude::*;

use super::dialect::{AnyConnection, on_either};
use super::schema::key_fingerprints;
use super::{Result, Tx};

/// What is known of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = key_fingerprints, treat_none_as_default_value = false)]
pub struct Fingerprint {
    /// Which secret: `directory`, `epoch`, `element`, `server`.
    pub purpose: String,
    /// Which of its generations.
    pub generation: i32,
    /// SHA-256 of the 32 bytes.
    pub fingerprint: Vec<u8>,
}

/// All that were recorded.
pub fn all(connection: &mut AnyConnection) -> Result<Vec<Fingerprint>> {
    Ok(key_fingerprints::table.select(Fingerprint::as_select()).load(connection)?)
}

/// Records those that aren't yet.
pub fn record(tx: &mut Tx<'_>, new: &[Fingerprint]) -> Result<()> {
    on_either!(tx, bare => diesel::insert_into(key_fingerprints::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(bare))?;
    Ok(())
}
