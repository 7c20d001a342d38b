//! Which addresses the registry calls: public ones, and those that the operator listed.
//!
//! A webhook URL is chosen by a participant, so without this rule the registry would carry requests
//! into its own network (server-side request forgery). The same rule judges an IP literal when an
//! endpoint is registered and every resolved address when it is called.

use std::cell::Cell;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Position, Url, form_urlencoded};

use super::rejection::{Code, Rejection};

/// The longest URL of an endpoint, in bytes, as sent and as stored.
pub const URL_BYTES_MAX: usize = 2048;

const NOT_HTTPS: &str = "The URL must begin with https://.";
const OUTSIDE: &str = "The host's address is outside what this registry may call.";
const TOLERATED: &str =
    "It must read https://host:port/path?query: no user name, blanks or stray characters.";
const TOO_LONG: &str = "A URL has at most 2,048 bytes.";

/// IPv4 networks that are not the public internet: the IANA special-purpose registry (RFC 6890),
/// multicast and reserved space, and one public address that is a cloud's own.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Cloud metadata lives at 169.254.169.254.
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    // Azure's host answers every virtual machine here.
    v4([168, 63, 129, 16], 32),
];

/// All that IANA has given out as global unicast. What lies outside (loopback, NAT64, unique local,
/// link-local, multicast, …) is refused without being listed.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// What is special inside [`GLOBAL_V6`].
const SPECIAL_V6: [Ipv6Net; 4] = [
    // Protocol assignments: Teredo, benchmarking, ORCHID.
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    // 6to4 holds an IPv4 address of the sender's choice.
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];

const LOOPBACK_V4: Ipv4Net = v4([127, 0, 0, 0], 8);
const LOOPBACK_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);

/// Networks that may be called although they aren't public: `webhooks.allowed_networks`. Empty
/// means public addresses only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNet>);

impl AllowedNetworks {
    /// The networks of the setting.
    pub fn new(networks: Vec<IpNet>) -> AllowedNetworks {
        AllowedNetworks(networks)
    }

    /// Whether `address` may be called: it is public or listed.
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address.to_canonical()) || self.lists(address)
    }

    /// Whether `address` lies in a listed network. This machine itself is never meant by a wide
    /// network such as 0.0.0.0/0: loopback takes a network inside loopback, "unspecified" is out.
    pub fn lists(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().filter(|network| network.contains(&address)).any(|network| match network {
            IpNet::V4(network) => !is_this_host(address) || LOOPBACK_V4.contains(network),
            IpNet::V6(network) => !is_this_host(address) || LOOPBACK_V6.contains(network),
        })
    }
}

/// Where an endpoint is called: `https` to any host, or plain `http` into a listed network.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// Reads a URL as the WHATWG URL standard does, so that no spelling of a host (decimal, octal,
    /// hexadecimal, mapped, full-width) hides an address, and refuses what the standard merely
    /// tolerates. Names are judged when they are called.
    pub fn parse(text: &str, allowed: &AllowedNetworks) -> Result<EndpointUrl, Rejection> {
        let url = EndpointUrl(well_formed(text).map_err(refuse)?);
        let permitted = match url.host() {
            Host::Ipv4(address) => url.may_call(address.into(), allowed),
            Host::Ipv6(address) => url.may_call(address.into(), allowed),
            Host::Domain(name) if is_localhost(name) => {
                url.may_call(Ipv4Addr::LOCALHOST.into(), allowed)
                    || url.may_call(Ipv6Addr::LOCALHOST.into(), allowed)
            }
            Host::Domain(_) if url.is_tls() => true,
            Host::Domain(_) => return Err(refuse(NOT_HTTPS)),
        };
        if permitted { Ok(url) } else { Err(refuse(OUTSIDE)) }
    }

    /// Whether a connection for this URL may go to `address`: permitted, and listed by name when
    /// the connection isn't encrypted.
    pub fn may_call(&self, address: IpAddr, allowed: &AllowedNetworks) -> bool {
        if self.is_tls() { allowed.permits(address) } else { allowed.lists(address) }
    }

    /// The normalised URL: what is stored, shown and compared.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// `https://host:port`, without the port when it is the scheme's own.
    pub fn origin(&self) -> &str {
        &self.0[..Position::BeforePath]
    }

    /// `host:port`, as the `Host` header has it.
    pub fn authority(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// `/path?query`.
    pub fn target(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }

    /// The host, an address wherever the URL standard sees one.
    pub fn host(&self) -> Host<&str> {
        self.0.host().expect("http and https URLs have a host")
    }

    /// The port, given or the scheme's own.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().expect("http and https have a port")
    }

    /// Whether the scheme is `https`.
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }
}

/// Path and query often hold a secret of the receiver's.
impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({}/…)", self.origin())
    }
}

/// The URL, or what is wrong with its form.
fn well_formed(text: &str) -> Result<Url, &'static str> {
    if text.len() > URL_BYTES_MAX {
        return Err(TOO_LONG);
    }
    let tolerated = Cell::new(false);
    let url = Url::options()
        .syntax_violation_callback(Some(&|_| tolerated.set(true)))
        .parse(text)
        .map_err(|_| "It is not a URL.")?;
    if url.as_str().len() > URL_BYTES_MAX {
        return Err(TOO_LONG);
    }
    if !matches!(url.scheme(), "https" | "http") {
        return Err(NOT_HTTPS);
    }
    if tolerated.get() {
        return Err(TOLERATED);
    }
    if holds_a_long_number(&url) {
        return Err("It may hold a phone number: seven digits in a row or more.");
    }
    if url.fragment().is_some() {
        return Err("A fragment (#…) is never sent; leave it out.");
    }
    if url.port() == Some(0) {
        return Err("Port 0 can't be called.");
    }
    if url.domain().is_some_and(|name| name.ends_with('.')) {
        return Err("The host must not end in a dot.");
    }
    Ok(url)
}

/// Whether a word of the URL is seven digits or more: it is kept as it is. What has letters beside its
/// digits is no phone number but a random name.
fn holds_a_long_number(url: &Url) -> bool {
    let is_long = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let has_letters = word.bytes().any(|byte| byte.is_ascii_alphabetic());
        !has_letters && (digits >= 9 || digits >= 7 && !word.contains(['-', '_']))
    };
    let parts = form_urlencoded::parse(url[Position::BeforeHost..].as_bytes());
    parts.flat_map(|(name, value)| [name, value]).any(|part| {
        part.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').any(is_long)
    })
}

fn refuse(detail: &'static str) -> Rejection {
    Rejection::new(Code::UrlNotAllowed, detail).at("/url")
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|special| special.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address)
                && !SPECIAL_V6.iter().any(|special| special.contains(&address))
        }
    }
}

/// Loopback, and "unspecified", by which Linux means loopback too.
fn is_this_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified(),
    }
}

/// RFC 6761, section 6.3: these names always mean loopback.
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}
