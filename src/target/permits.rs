//! Which hosts requests may go to: those of one's own without asking, others by name, and those that cost money only
//! when that is said as well.
//!
//! A host is judged by what stands in the URL. An address is of one's own if nobody outside can be reached by it. Of
//! names only `localhost` is, and it is taken for the loopback addresses without asking anybody. Any other name has to
//! be permitted, also one that resolves to a private address at the moment: whoever keeps the name's records decides
//! where requests go, may decide otherwise a second later, and private ways into a real cloud have public names and
//! private addresses.
//!
//! Imports `spec`, for the hosts that cost money.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use miette::Diagnostic;
use reqwest::{ClientBuilder, Url};
use thiserror::Error;
use url::Host;

use crate::spec::file::HostPattern;

/// A host that the user permits: an exact name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted(Host);

impl FromStr for Permitted {
    type Err = String;

    fn from_str(text: &str) -> Result<Permitted, String> {
        if text.contains('*') {
            return Err("it should be one host, without a *".to_owned());
        }
        // An address of the longer kind is written with and without brackets.
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Permitted(Host::Ipv6(address)));
        }
        match Host::parse(text) {
            Ok(host) => Ok(Permitted(plain(&host))),
            Err(_) => Err("it should be the name or the address of a host, without http:// and without a port".into()),
        }
    }
}

impl fmt::Display for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the user permits besides hosts of one's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permits {
    /// Hosts that requests may go to.
    pub hosts: Vec<Permitted>,
    /// True if they may also go to the hosts of a cloud that sends bills.
    pub billable: bool,
}

/// Why requests may not go to a host.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum HostError {
    /// It is not one's own.
    #[error("{host} is not on this machine or in a private network, and nobody has permitted requests to it")]
    #[diagnostic(help(
        "a run makes resources at its target and deletes them again; if {host} is meant, add --allow-host {host}{more}"
    ))]
    Foreign {
        /// The host.
        host: String,
        /// What else is needed.
        more: &'static str,
    },
    /// It belongs to a cloud that sends bills.
    #[error("{host} belongs to a cloud where what a run makes costs money")]
    #[diagnostic(help(
        "use an account of its own, see with --dry-run what would be made, and then add --allow-billable"
    ))]
    Billable {
        /// The host.
        host: String,
    },
}

impl Permits {
    /// Judges a URL. `billable` are the hosts that cost money.
    ///
    /// # Errors
    ///
    /// Requests may not go there.
    pub fn check(&self, url: &Url, billable: &[HostPattern]) -> Result<(), HostError> {
        // What is no URL of a host is told elsewhere.
        let Some(host) = url.host().map(|host| plain(&host.to_owned())) else { return Ok(()) };
        let shown = host.to_string();
        let costs = is_billable(url, billable);
        if !is_own(&host) && !self.hosts.iter().any(|permitted| permitted.0 == host) {
            let more = if costs && !self.billable { " --allow-billable" } else { "" };
            return Err(HostError::Foreign { host: shown, more });
        }
        if costs && !self.billable {
            return Err(HostError::Billable { host: shown });
        }
        Ok(())
    }
}

/// True if the URL leads to a host that costs money.
pub fn is_billable(url: &Url, billable: &[HostPattern]) -> bool {
    url.domain().is_some_and(|name| billable.iter().any(|pattern| pattern.matches(bare(name))))
}

/// True if the URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}

/// A client for which `localhost` is this machine: nobody is asked where it leads.
pub(super) fn pinned(client: ClientBuilder, url: &Url) -> ClientBuilder {
    match url.domain().filter(|name| is_localhost(name)) {
        Some(name) => {
            let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
            // The port is the one of the URL.
            client.resolve_to_addrs(name, &addresses.map(|address| SocketAddr::new(address, 0)))
        }
        None => client,
    }
}

/// A name without the dot that may stand at its end.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// A host in the one form in which hosts are compared.
fn plain(host: &Host) -> Host {
    match host {
        Host::Domain(name) => Host::Domain(bare(name).to_ascii_lowercase()),
        Host::Ipv6(address) => match address.to_canonical() {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        },
        Host::Ipv4(address) => Host::Ipv4(*address),
    }
}

/// True for `localhost` and the names below it.
fn is_localhost(name: &str) -> bool {
    let name = bare(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// True for this machine, and for addresses that only a private network has.
fn is_own(host: &Host) -> bool {
    match host {
        Host::Domain(name) => is_localhost(name),
        Host::Ipv4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Host::Ipv6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns() -> Vec<HostPattern> {
        ["*.cloud.example", "api.other.example"].map(|p| p.parse().unwrap()).into()
    }

    fn check(url: &str, hosts: &[&str], billable: bool) -> Result<(), HostError> {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Permits { hosts, billable }.check(&Url::parse(url).unwrap(), &patterns())
    }

    #[test]
    fn ones_own_hosts_need_no_permission() {
        for host in [
            "127.0.0.1",
            "127.9.9.9:81",
            "0x7f.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "localhost",
            "LOCALHOST.:5000",
            "a.localhost",
        ] {
            assert_eq!(check(&format!("http://{host}"), &[], false), Ok(()), "{host}");
        }
    }

    #[test]
    fn any_other_host_needs_one_of_its_own() {
        for (host, permitted) in [
            ("8.8.8.8", "8.8.8.8"),
            ("172.32.0.1", "172.32.0.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "[2001:db8::1]"),
            ("[::ffff:8.8.8.8]", "8.8.8.8"),
            ("mock", "mock"),
            ("Mock.Example.:80", "mock.example"),
            ("localhost.example", "localhost.example"),
            ("notlocalhost", "notlocalhost"),
        ] {
            let url = format!("http://{host}");
            assert!(matches!(check(&url, &[], true), Err(HostError::Foreign { .. })), "{host}");
            assert!(matches!(check(&url, &["other", "1.2.3.4"], true), Err(HostError::Foreign { .. })), "{host}");
            assert_eq!(check(&url, &["other", permitted], false), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_host_that_costs_money_needs_both_permissions() {
        for host in ["a.cloud.example", "a.b.CLOUD.example.", "api.other.example:8443"] {
            let url = format!("https://{host}");
            let name = Url::parse(&url).unwrap().domain().unwrap().to_owned();
            let foreign = check(&url, &[], false).unwrap_err();
            assert!(matches!(&foreign, HostError::Foreign { more, .. } if more.contains("billable")), "{foreign:?}");
            assert!(matches!(check(&url, &[], true), Err(HostError::Foreign { more: "", .. })), "{host}");
            assert!(matches!(check(&url, &[&name], false), Err(HostError::Billable { .. })), "{host}");
            assert_eq!(check(&url, &[&name], true), Ok(()), "{host}");
        }
        for host in ["cloud.example", "acloud.example", "a.other.example"] {
            assert_eq!(check(&format!("https://{host}"), &[host], false), Ok(()), "{host}");
        }
    }

    #[test]
    fn what_is_permitted_is_one_host() {
        for text in ["*", "*.example", "http://a", "a:80", "a/b", "", "[::1]:80"] {
            assert!(text.parse::<Permitted>().is_err(), "{text}");
        }
    }
}
