//! Values of enumerations that this client doesn't know. New ones may come at any time, so each
//! enumeration has one that is safe to take them for.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::binding::Holder;
use crate::domain::duty::{Demand, Response};
use crate::domain::participant::{Permission, State};
use crate::domain::verdict::{Advice, Answer, NotCovered};

/// The value, or `None`, where nobody acts on it.
pub(super) fn known<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(T::deserialize(Value::deserialize(deserializer)?).ok())
}

/// Those of a list that are known.
pub(super) fn permissions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Permission>, D::Error> {
    let values = Vec::<Value>::deserialize(deserializer)?;
    Ok(values.into_iter().filter_map(|value| Permission::deserialize(value).ok()).collect())
}

macro_rules! safe {
    ($($read:ident $enumeration:ident $safe:ident,)*) => {$(
        pub(super) fn $read<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<$enumeration, D::Error> {
            Ok(known(deserializer)?.unwrap_or($enumeration::$safe))
        }
    )*};
}

safe! {
    advice Advice StepUp,
    answer Answer CannotTell,
    demand Demand StepUp,
    response Response None,
    holder Holder Person,
    state State Suspended,
    not_covered NotCovered StepUp,
}
