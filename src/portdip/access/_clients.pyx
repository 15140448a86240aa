"""Who may ask: the narrowest of the client networks around a source address.

Networks nest or are disjoint, so they cut the addresses into stretches with one client, or none, each. A source is
found by a binary search among the first addresses of the stretches; IPv4 and IPv6 have lists of their own.
"""

cimport cython

from ipaddress import ip_address

from libc.stdint cimport uint16_t, uint64_t
from libc.stdlib cimport free, malloc

from portdip.errors import SettingsError

cdef extern from "address.h" nogil:
    pd_source pd_source_of(const unsigned char *bytes, int length)


@cython.final
cdef class Clients:
    """The networks that may ask, and the profile of each. Unchanging; any number of threads may use it.

    >>> from ipaddress import ip_network
    >>> from portdip.settings.access import Client
    >>> networks = {"10.0.0.0/8": "home", "10.1.0.0/16": "abroad", "2001:db8::/32": "home"}
    >>> clients = [Client(network=ip_network(network), profile=profile) for network, profile in networks.items()]
    >>> found = Clients(clients, ["home", "abroad"])
    >>> [found.find(address) for address in ("10.2.0.1", "10.1.0.1", "11.0.0.1", "::ffff:10.1.0.1", "2001:db8::1")]
    [0, 1, None, 1, 0]
    """

    def __cinit__(self, clients not None, profiles not None):
        cdef int i
        self.clients = tuple(clients)
        names = list(profiles)
        by_network = {}
        self.profiles = <uint16_t *>malloc(max(len(self.clients), 1) * sizeof(uint16_t))
        if self.profiles == NULL:
            raise MemoryError
        for i, client in enumerate(self.clients):
            if client.profile not in names:
                raise SettingsError("a client has no such profile", got=client.profile, where=str(client.network))
            network = plain(client.network)
            if network in by_network:
                raise SettingsError("a client network is given twice", got=str(client.network))
            by_network[network] = i
            self.profiles[i] = <uint16_t>names.index(client.profile)
        self._v4 = stretches([(net, i) for net, i in by_network.items() if net[0] == 4], 32, &self._v4_count)
        self._v6 = stretches([(net, i) for net, i in by_network.items() if net[0] == 6], 128, &self._v6_count)

    def __dealloc__(self):
        free(self._v4)
        free(self._v6)
        free(self.profiles)

    def find(self, str address not None):
        """Index of the profile that a source address is answered by, None if it may not ask."""
        cdef int client = self.client(address)
        return None if client < 0 else self.profiles[client]

    def client(self, str address not None):
        """Index of the narrowest client network around an address, -1 for none."""
        cdef bytes packed = ip_address(address.partition("%")[0]).packed
        return self.of(pd_source_of(packed, <int>len(packed)))

    cdef int of(self, pd_source source) noexcept nogil:
        cdef const Stretch *near = self._v4 if source.is_v4 else self._v6
        cdef int left = self._v4_count if source.is_v4 else self._v6_count
        cdef int half
        # The last stretch that begins at the source or before it; the first begins at 0.
        while left > 1:
            half = left // 2
            if near[half].high < source.high or near[half].high == source.high and near[half].low <= source.low:
                near += half
                left -= half
            else:
                left = half
        return near.client


def plain(network):
    """(version, first address, last address); a network of IPv4 addresses mapped into IPv6 is one of IPv4."""
    first, last, version = int(network.network_address), int(network.broadcast_address), network.version
    if version == 6 and first >> 32 == last >> 32 == 0xFFFF:
        return 4, first & 0xFFFFFFFF, last & 0xFFFFFFFF
    return version, first, last


cdef Stretch *stretches(list networks, object bits, int *count) except NULL:
    """Stretches with one client each of [((version, first, last), client)], which nest or are disjoint."""
    cdef Stretch *made
    cdef int i
    begins = {0: -1}
    # Wide ones first: a narrow one begins anew, and hands back to what was around it where it ends.
    for (_, first, last), client in sorted(networks, key=lambda each: (each[0][1], -each[0][2])):
        around = begins[max(begin for begin in begins if begin <= first)]
        begins[first] = client
        begins.setdefault(last + 1, around)
    begins.pop(1 << bits, None)
    made = <Stretch *>malloc(len(begins) * sizeof(Stretch))
    if made == NULL:
        raise MemoryError
    for i, begin in enumerate(sorted(begins)):
        made[i].high, made[i].low = begin >> 64, begin & 0xFFFFFFFFFFFFFFFF
        made[i].client = begins[begin]
    count[0] = <int>len(begins)
    return made
