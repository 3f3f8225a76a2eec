"""Where a request comes from, as far as one caller has it."""

from ipaddress import IPv6Address, ip_address


def place_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the network that one house has (64 bits)."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return str(known.ipv4_mapped or IPv6Address(int(known) >> 64 << 64))
    return address
