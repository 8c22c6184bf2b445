//! Free ports, and the connections of a port as Linux lists them. The tables call it.

use std::{collections::BTreeSet, fs, net::TcpListener};

/// Returns ports that were free a moment ago, each once.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

/// Returns the ports of the peers that are connected to a port of this machine, or `None` where the system does not tell.
pub(crate) fn peers(port: u16) -> Option<BTreeSet<u16>> {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let port_of = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
    let connected = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
        (state == ESTABLISHED && port_of(local)? == port).then(|| port_of(remote)).flatten()
    });
    Some(connected.collect())
}
