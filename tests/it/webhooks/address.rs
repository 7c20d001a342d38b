//! Which URLs and addresses may be called. Each line of the tables is one attempt to get inside.

use std::net::IpAddr;

use hyper::Uri;
use hyper::header::HeaderValue;
use proptest::prelude::*;
use vacate::domain::address::{AllowedNetworks, EndpointUrl, URL_BYTES_MAX};
use vacate::domain::rejection::Code;

fn networks(list: &[&str]) -> AllowedNetworks {
    AllowedNetworks::new(list.iter().map(|network| network.parse().unwrap()).collect())
}

fn public_only() -> AllowedNetworks {
    AllowedNetworks::default()
}

/// First and last address of each network that isn't public, and what is special among them.
const INSIDE: &[&str] = &[
    "0.0.0.0",
    "0.0.0.1",
    "0.255.255.255",
    "10.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.255.255",
    "172.16.0.0",
    "172.17.0.1",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.0.255",
    "192.0.2.0",
    "192.0.2.255",
    "192.88.99.0",
    "192.88.99.255",
    "192.168.0.0",
    "192.168.1.1",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.0",
    "198.51.100.255",
    "203.0.113.0",
    "203.0.113.255",
    "224.0.0.0",
    "224.0.0.251",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.254",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::2",
    "::7f00:1",
    "::ffff:0:0",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "::ffff:255.255.255.255",
    "::ffff:0:127.0.0.1",
    "64:ff9b::",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::",
    "100::1",
    "100:0:0:1::1",
    "1fff:ffff::1",
    "2001::",
    "2001::7f00:1",
    "2001:0:7f00:1::",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff:ffff::1",
    "2001:db8::",
    "2001:db8::1",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:ffff:ffff::1",
    "3fff::",
    "3fff::1",
    "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
    "4000::1",
    "5f00::",
    "5f00::1",
    "fc00::",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fdff::1",
    "fe00::1",
    "fe80::",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::",
    "ff02::1",
    "ff05::2",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

const OUTSIDE: &[&str] = &[
    "1.0.0.0",
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "3ffe:ffff::1",
    "3fff:1000::1",
];

#[test]
fn no_special_address_is_public_and_every_neighbour_is() {
    for address in INSIDE {
        assert!(!public_only().permits(address.parse().unwrap()), "{address}");
    }
    for address in OUTSIDE {
        assert!(public_only().permits(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn no_special_address_is_registered_as_a_literal() {
    for address in INSIDE.iter().map(|address| address.parse().unwrap()) {
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        assert_refused(&format!("https://{host}/"), &public_only());
        assert_refused(&format!("https://{host}:8443/hook?a=b"), &public_only());
        assert_refused(&format!("http://{host}/"), &public_only());
    }
}

/// Other spellings of addresses inside, and URLs that one parser reads otherwise than the next.
const DISGUISED: &[&str] = &[
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.1./",
    "https://0x7F.0x0.0x0.0x1/",
    "https://0/",
    "https://0x/",
    "https://0.0/",
    "https://00000000/",
    "https://012.0.0.1/",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    "https://0251.0376.0251.0376/",
    "https://169.254.43518/",
    "https://0xA9.254.0251.0376/",
    "https://%31%32%37.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://１２７.０.０.１/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://127．0．0．1/",
    "https://127.0.0.1\u{ad}/",
    "https://⓪ⓧ⑦ⓕ.1/",
    "https://[::]/",
    "https://[::1]:443/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/",
    "https://[::FFFF:A9FE:A9FE]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::1/",
    "https://[127.0.0.1]/",
    "https://::1/",
    "https://[[::1]]/",
    "https://256.1.1.1/",
    "https://1.2.3.4.5/",
    "https://10.2.3.0x/",
    "https://4294967296/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost:8443/",
    "https://localhost./",
    "https://ｌocalhost/",
    "https://a.localhost/",
    "https://a.b.LocalHost/",
    "https://%6cocalhost/",
    "https://example.com./",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://:@example.com/",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1@example.com/",
    "https://example.com:443@127.0.0.1:22/",
    "https://127.0.0.1#@example.com/",
    "https://127.0.0.1\\@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com\\.evil.example/",
    "https:\\\\example.com/",
    "https:/example.com/",
    "https:example.com/",
    "https:///example.com/",
    "https:////example.com/",
    "//example.com/",
    "example.com",
    "/hook",
    "",
    " ",
    "https://",
    "https:///",
    "https://:443/",
    "https://?",
    "https://#",
    " https://example.com/",
    "https://example.com/ ",
    "https://exam\tple.com/",
    "https://example.com/a\r\nHost: inside",
    "https://example.com/\u{0}",
    "ht\ntps://example.com/",
    "https://example.com/a b",
    "https://example.com/%zz",
    "https://exa mple.com/",
    "https://example.com%00.evil.example/",
    "https://example.com%0d%0a/",
    "https://exam<ple.com/",
    "https://example.com/#fragment",
    "https://example.com/#",
    "https://example.com:0/",
    "https://example.com:00/",
    "https://example.com:65536/",
    "https://example.com:-1/",
    "https://example.com:4 43/",
    "https://example.com:https/",
    "https://xn--0/",
    "https://a..xn--/",
    "http://example.com/",
    "http://8.8.8.8/",
    "http://[2606:4700:4700::1111]/",
    "http://localhost/",
    "HTTP://EXAMPLE.COM/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "file://example.com/",
    "gopher://example.com/",
    "ws://example.com/",
    "wss://example.com/",
    "data:text/plain,a",
    "javascript:alert(1)",
    "unix:///run/docker.sock",
    "jar:https://example.com/",
    "blob:https://a/",
    "about:blank",
    "mailto:a@example.com",
    "https+unix://example.com/",
    "httpss://example.com/",
];

#[test]
fn no_disguise_gets_past_registration() {
    for url in DISGUISED {
        assert_refused(url, &public_only());
    }
    assert!(INSIDE.len() + DISGUISED.len() >= 120);
}

#[test]
fn a_public_https_url_is_taken_and_normalised() {
    for (text, normal) in [
        ("https://hooks.skyfare.example/vacate", "https://hooks.skyfare.example/vacate"),
        ("https://hooks.skyfare.example", "https://hooks.skyfare.example/"),
        ("HTTPS://Hooks.Skyfare.Example:443/a/../b", "https://hooks.skyfare.example/b"),
        ("https://example.com:8443/h?token=x%20y&z", "https://example.com:8443/h?token=x%20y&z"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://134744072/", "https://8.8.8.8/"),
        ("https://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"),
        ("https://127.0.0.1.nip.example/", "https://127.0.0.1.nip.example/"),
        ("https://metadata/", "https://metadata/"),
        ("https://example.com:22/", "https://example.com:22/"),
    ] {
        assert_eq!(EndpointUrl::parse(text, &public_only()).unwrap().as_str(), normal);
        assert_eq!(EndpointUrl::parse(normal, &public_only()).unwrap().as_str(), normal);
    }
}

#[test]
fn a_long_url_is_refused_as_sent_and_as_normalised() {
    let url =
        |letters: usize, letter| format!("https://a.example/{}", str::repeat(letter, letters));
    let longest = URL_BYTES_MAX - "https://a.example/".len();
    assert!(EndpointUrl::parse(&url(longest, "a"), &public_only()).is_ok());
    assert_refused(&url(longest + 1, "a"), &public_only());
    assert_refused(&url(longest / 3, "ü"), &public_only());
}

#[test]
fn loopback_takes_a_network_inside_loopback() {
    let v4: IpAddr = "127.0.0.1".parse().unwrap();
    let v6: IpAddr = "::1".parse().unwrap();
    assert!(networks(&["127.0.0.0/8"]).permits(v4));
    assert!(networks(&["127.0.0.1/32"]).permits("::ffff:127.0.0.1".parse().unwrap()));
    assert!(networks(&["::1/128"]).permits(v6));
    assert!(!networks(&["127.0.0.0/8"]).permits(v6));
    let wide = networks(&[
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/8",
        "0.0.0.0/32",
        "::/128",
        "::/127",
        "126.0.0.0/7",
    ]);
    for here in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "::", "::1", "::ffff:0.0.0.0"] {
        assert!(!wide.permits(here.parse().unwrap()), "{here}");
    }
}

#[test]
fn a_listed_network_opens_itself_and_nothing_else() {
    let office = networks(&["10.20.0.0/16", "fd12::/16"]);
    for (address, permitted) in [
        ("10.20.0.1", true),
        ("::ffff:10.20.255.255", true),
        ("fd12::1", true),
        ("8.8.8.8", true),
        ("10.21.0.1", false),
        ("64:ff9b::10.20.0.1", false),
        ("2002:a14:1::1", false),
        ("fd13::1", false),
        ("127.0.0.1", false),
        ("169.254.169.254", false),
    ] {
        assert_eq!(office.permits(address.parse().unwrap()), permitted, "{address}");
    }
    assert!(EndpointUrl::parse("https://10.20.3.4/hook", &office).is_ok());
    assert_refused("https://10.21.3.4/hook", &office);
}

#[test]
fn plain_http_goes_into_listed_networks_only() {
    let here = networks(&["127.0.0.0/8"]);
    for url in [
        "http://127.0.0.1:8080/",
        "http://localhost:8080/",
        "http://2130706433/",
        "https://localhost/",
    ] {
        assert!(EndpointUrl::parse(url, &here).is_ok(), "{url}");
    }
    for url in ["http://[::1]/", "http://10.0.0.1/", "http://8.8.8.8/", "http://example.com/"] {
        assert_refused(url, &here);
    }
    assert!(EndpointUrl::parse("http://localhost/", &networks(&["::1/128"])).is_ok());
    // Whatever "localhost" resolves to: the connection is judged too.
    let url = EndpointUrl::parse("http://localhost/", &here).unwrap();
    assert!(url.may_call("127.0.0.1".parse().unwrap(), &here));
    assert!(!url.may_call("8.8.8.8".parse().unwrap(), &here));
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_sent_and_is_read_the_same_again(
        host in r"[a-z0-9.x]{1,12}|[0-9.]{1,12}|\[[0-9a-f:.]{2,12}\]|\PC{1,6}",
        rest in r"(:[0-9]{0,5})?[/?]?\PC{0,12}",
    ) {
        if let Ok(url) = EndpointUrl::parse(&format!("https://{host}{rest}"), &public_only()) {
            let again = EndpointUrl::parse(url.as_str(), &public_only());
            prop_assert_eq!(again.as_ref(), Ok(&url));
            prop_assert!(url.target().parse::<Uri>().is_ok());
            prop_assert!(HeaderValue::from_str(url.authority()).is_ok());
            if let Ok(address) = url.authority().parse() {
                prop_assert!(public_only().permits(address));
            }
        }
    }
}

#[test]
fn neither_a_refusal_nor_debug_repeats_the_url() {
    let refused = EndpointUrl::parse("https://10.0.0.1/s3cret", &public_only()).unwrap_err();
    assert!(!refused.detail.contains("s3cret") && !refused.detail.contains("10.0.0.1"));
    let url = EndpointUrl::parse("https://a.example/s3cret?t=s3cret", &public_only()).unwrap();
    assert_eq!(format!("{url:?}"), "EndpointUrl(https://a.example/…)");
}

fn assert_refused(url: &str, allowed: &AllowedNetworks) {
    let refused = EndpointUrl::parse(url, allowed).expect_err(url);
    assert_eq!(refused.code, Code::UrlNotAllowed);
    assert_eq!(refused.field.as_deref(), Some("/url"));
}

#[test]
fn a_url_has_no_word_that_may_be_a_phone_number() {
    let parse = |url: &str| EndpointUrl::parse(url, &public_only());
    for url in [
        "https://hooks.example.com/491512345987",
        "https://hooks.example.com/?to=%2B491512345987",
        "https://hooks.example.com/?to=tel:0151-2345987&x",
        "https://hooks.example.com/a/1234567/b",
        "https://491512345987.example.com/",
        "https://hooks.example.com/%2B%34%39%31%35%31%32%33%34%35",
    ] {
        assert_eq!(parse(url).unwrap_err().code, Code::UrlNotAllowed, "{url}");
    }
    for url in [
        "https://hooks.example.com:44443/v2/2026-11-23/hook",
        "https://hooks.example.com/550e8400-e29b-41d4-a716-446655440000",
        "https://hooks.example.com/?key=a1234567890",
        "https://198.41.200.144/",
        "https://[2606:4700:4700::1111]/123456",
    ] {
        assert!(parse(url).is_ok(), "{url}");
    }
}
