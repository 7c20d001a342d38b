//! One table per enumeration: each value with its code in the database and its text on the wire.
//!
//! Reading is written by hand because serde's own error for an unknown value quotes it, and no
//! refusal repeats what was sent.

/// Declares an enumeration. Values are ordered as they are listed.
macro_rules! enumeration {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $code:literal $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $value,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[$name] = &[$($name::$value,)*];

            /// The code that stands in the database, and never changes its meaning.
            pub fn code(self) -> i16 {
                match self { $($name::$value => $code,)* }
            }

            /// The value of a code from the database, if it is one.
            pub fn from_code(code: i16) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| value.code() == code)
            }

            /// The value as the API writes it.
            pub fn text(self) -> &'static str {
                match self { $($name::$value => $text,)* }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.text())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                $name::ALL.iter().copied().find(|value| value.text() == text).ok_or_else(|| {
                    serde::de::Error::custom($crate::domain::rejection::Rejection::new(
                        $crate::domain::rejection::Code::ValueNotAllowed,
                        concat!("This must be one of", $(" ", $text,)* "."),
                    ))
                })
            }
        }
    };
}

pub(crate) use enumeration;
