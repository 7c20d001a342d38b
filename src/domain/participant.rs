//! Who takes part: carriers publish, apps check and act, admins run the registry. A caller becomes a
//! [`Carrier`], an [`App`] or an [`Admin`] only by a permission of its key, and a use case takes one
//! of the three, so it can't be reached without.

use serde::{Deserialize, Deserializer, Serialize};

use super::calling_code::CallingCode;
use super::enumeration::enumeration;
use super::event::ParticipantId;
use super::rejection::{Code, Rejection};
use super::text;
use super::time::Moment;
use super::verdict::NotCovered;

enumeration! {
    /// What a participant does here.
    Kind {
        /// Publishes events, asks for clearance.
        Carrier = 1 "carrier",
        /// Binds accounts, checks, acts on duties.
        App = 2 "app",
        /// Runs the registry.
        Admin = 3 "admin",
    }
}

impl Kind {
    /// Every permission that a key of this kind can have.
    pub fn permissions(self) -> Permissions {
        let all: &[Permission] = match self {
            Kind::Carrier => &[Permission::Publish, Permission::Clear, Permission::Manage],
            Kind::App => {
                &[Permission::Check, Permission::Bind, Permission::Act, Permission::Manage]
            }
            Kind::Admin => &[Permission::Admin],
        };
        Permissions::from_iter(all.iter().copied())
    }
}

enumeration! {
    /// What one key may do; the codes are bits.
    Permission {
        /// Publish events and coverage.
        Publish = 1 "publish",
        /// Ask for clearance.
        Clear = 2 "clear",
        /// Ask whether a number has changed hands.
        Check = 4 "check",
        /// Bind accounts to numbers.
        Bind = 8 "bind",
        /// Read duties and answer them.
        Act = 16 "act",
        /// Manage one's own endpoints, deliveries and keys.
        Manage = 32 "manage",
        /// Run the registry.
        Admin = 64 "admin",
    }
}

/// A set of permissions, one bit each in the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(i32);

impl Permissions {
    /// The set as the database holds it.
    pub fn bits(self) -> i32 {
        self.0
    }

    /// The set with these bits; unknown ones are dropped.
    pub fn from_bits(bits: i32) -> Permissions {
        Permission::ALL
            .iter()
            .copied()
            .filter(|permission| bits & i32::from(permission.code()) != 0)
            .collect()
    }

    /// Whether `permission` is in it.
    pub fn contain(self, permission: Permission) -> bool {
        self.0 & i32::from(permission.code()) != 0
    }

    /// Whether every one of `self` is in `other`.
    pub fn are_within(self, other: Permissions) -> bool {
        self.0 & !other.0 == 0
    }

    /// The permissions in it.
    pub fn list(self) -> Vec<Permission> {
        Permission::ALL.iter().copied().filter(|permission| self.contain(*permission)).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Permissions {
        Permissions(all.into_iter().fold(0, |bits, permission| bits | i32::from(permission.code())))
    }
}

/// A participant's name: a slug that the admin chooses, `[a-z][a-z0-9-]{1,38}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// # Errors
    /// `value_not_allowed` for anything but a slug.
    pub fn parse(text: &str) -> Result<Name, Rejection> {
        let rest = text.strip_prefix(|first: char| first.is_ascii_lowercase()).unwrap_or_default();
        let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=38).contains(&rest.len()) && rest.chars().all(slug) && text != "me" {
            // It stands in every log line of the participant's requests.
            text::must_hold_no_phone_number(text)?;
            return Ok(Name(text.to_owned()));
        }
        Err(Rejection::new(
            Code::ValueNotAllowed,
            "A name is 2 to 39 lower-case letters, digits and hyphens, begins with a letter, and isn't \"me\".",
        ))
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let text = String::deserialize(deserializer)?;
        Name::parse(&text).map_err(serde::de::Error::custom)
    }
}

enumeration! {
    /// Whether a participant's keys work.
    State {
        /// They do.
        Active = 1 "active",
        /// They are refused with `participant_suspended`.
        Suspended = 2 "suspended",
    }
}

/// A participant as the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Internal; never on the wire.
    pub id: ParticipantId,
    /// The slug.
    pub name: Name,
    /// What it does here.
    pub kind: Kind,
    /// Who owns it; budgets count per organisation.
    pub organisation: String,
    /// What people read.
    pub display_name: String,
    /// Whether its keys work.
    pub state: State,
    /// Why it is suspended.
    pub state_why: Option<String>,
    /// How many accounts with a number an app has.
    pub accounts_declared: Option<u64>,
    /// Where a person closes an account of this app.
    pub close_account_url: Option<String>,
    /// Where a previous owner gets an account back.
    pub recover_url: Option<String>,
    /// Where people get help.
    pub support_url: Option<String>,
    /// What `not_covered` advises this app.
    pub advice_not_covered: NotCovered,
    /// The calling codes that a carrier may speak of.
    pub calling_codes: Vec<CallingCode>,
    /// When it was enrolled.
    pub created_at: Moment,
}

/// Who calls: a participant by one of its keys.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose key it is.
    pub participant: std::sync::Arc<Participant>,
    /// The key's public id.
    pub key_id: String,
    /// What the key may do.
    pub permissions: Permissions,
    /// When the key ends, if it does.
    pub expires_at: Option<Moment>,
}

impl Caller {
    /// # Errors
    /// `permission_missing`, naming the permission, when the key lacks it.
    pub fn must(&self, permission: Permission) -> Result<(), Rejection> {
        if self.permissions.contain(permission) {
            return Ok(());
        }
        Err(Rejection::new(
            Code::PermissionMissing,
            format!("This call needs the permission {}.", permission.text()),
        )
        .at("Authorization"))
    }
}

/// Declares a role: a caller of one kind whose permission for this call was looked at.
macro_rules! role {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(Caller);

        impl $name {
            /// # Errors
            /// `permission_missing` for a key without the permission, or of another kind.
            pub fn admit(caller: Caller, permission: Permission) -> Result<$name, Rejection> {
                caller.must(permission)?;
                if caller.participant.kind != $kind {
                    let kind = $kind.text();
                    return Err(Rejection::new(
                        Code::PermissionMissing,
                        format!("This call is for a participant of the kind {kind}."),
                    )
                    .at("Authorization"));
                }
                Ok($name(caller))
            }

            /// The participant's internal id.
            pub fn id(&self) -> ParticipantId {
                self.0.participant.id
            }

            /// The participant's name.
            pub fn name(&self) -> &Name {
                &self.0.participant.name
            }

            /// The participant.
            pub fn participant(&self) -> &Participant {
                &self.0.participant
            }

            /// Who called.
            pub fn caller(&self) -> &Caller {
                &self.0
            }
        }
    };
}

role! {
    /// A carrier that may make this call.
    Carrier, Kind::Carrier
}
role! {
    /// An app that may make this call.
    App, Kind::App
}
role! {
    /// An admin.
    Admin, Kind::Admin
}

impl Carrier {
    /// Whether the carrier may speak of `calling_code`.
    ///
    /// # Errors
    /// `calling_code_not_granted` when it may not.
    pub fn must_speak_of(&self, calling_code: CallingCode) -> Result<(), Rejection> {
        if self.participant().calling_codes.contains(&calling_code) {
            return Ok(());
        }
        Err(Rejection::new(
            Code::CallingCodeNotGranted,
            "This carrier has no grant for the number's calling code.",
        ))
    }
}
