"""A machine of two sockets with a core, a GPU and an adapter each, as hwloc describes it."""

import itertools


def xml():
    numbers = itertools.count(1)

    def thing(kind, attributes, inside=""):
        return f'<object type="{kind}" gp_index="{next(numbers)}" {attributes}>{inside}</object>\n'

    def sets(cores, number):
        return (f'os_index="{number}" cpuset="{cores:#010x}" complete_cpuset="{cores:#010x}" '
                f'nodeset="{cores:#010x}" complete_nodeset="{cores:#010x}"')

    def device(address, kind, inside=""):
        return thing("PCIDev", f'pci_busid="0000:{address}" pci_type="{kind} [10de:2330] [0000:0000] a1" '
                     'pci_link_speed="63.0"', inside)

    def socket(number):
        mine, bus = sets(1 << number, number), 16 * (number + 1)  # as the stand-in for the driver numbers its GPUs
        gpu = device(f"{bus:02x}:00.0", "0302")
        nic = device(f"{bus:02x}:01.0", "0207", thing("OSDev", f'name="mlx5_{number}" osdev_type="3"'))
        bridge = thing("Bridge", f'bridge_type="0-1" depth="0" bridge_pci="0000:[{bus:02x}-{bus + 15:02x}]"', gpu + nic)
        return thing("Package", mine, thing("NUMANode", mine + ' local_memory="1000000000"') +
                     thing("Core", mine, thing("PU", mine)) + bridge)

    machine = thing("Machine", sets(3, 0) + ' allowed_cpuset="0x00000003" allowed_nodeset="0x00000003"',
                    socket(0) + socket(1))
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n'
            f'<topology version="2.0">\n{machine}</topology>\n')
