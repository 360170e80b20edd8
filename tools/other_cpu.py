"""Compile every kernel for another CPU, to see that nothing in them is this one's alone.

    .venv/bin/python tools/other_cpu.py [aarch64-unknown-linux-gnu]

Prints the size of each object file. Nothing is executed: that needs such a machine.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

MACHINES = {"aarch64": 183, "powerpc64le": 21, "riscv64": 243}
"""Numbers of ELF, by the first part of a triple."""


def compiled_for(triple: str, module: Any) -> bytes:
    """Return the object file of a module's code, compiled for a triple."""
    from llvmlite import binding

    text = re.sub(r"^target (triple|datalayout) = .*$", "", str(module), flags=re.MULTILINE)
    text = re.sub(r'"target-(cpu|features)"="[^"]*"', "", text)
    machine = binding.Target.from_triple(triple).create_target_machine(opt=3)
    again = binding.parse_assembly(text)
    again.triple, again.data_layout = triple, str(machine.target_data)
    again.verify()
    return bytes(machine.emit_object(again))


def machine_of(content: bytes) -> int:
    """Return the number of the CPU that an ELF file is for."""
    return int(struct.unpack_from("<H", content, 18)[0])


def main() -> int:
    """Read the command line; return 1 where a kernel is not compiled for that CPU."""
    triple = sys.argv[1] if len(sys.argv) > 1 else "aarch64-unknown-linux-gnu"
    wanted = MACHINES[triple.partition("-")[0]]
    with tempfile.TemporaryDirectory() as home:
        os.environ["STILT_HOME"] = home  # where no kernel is kept yet
        from llvmlite import binding

        from stilt.kernels import compiled

        binding.initialize_all_targets()
        binding.initialize_all_asmprinters()
        sizes: dict[str, int] = {}
        build = compiled._build  # noqa: SLF001 - where each kernel passes

        def spy(function: Any, types: Any, options: Any) -> bytes | None:
            numba = compiled._numba()  # noqa: SLF001 - as above
            dispatcher = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(
                function
            )
            dispatcher.compile(types)
            (result,) = dispatcher.overloads.values()
            content = compiled_for(triple, result.library._final_module)  # noqa: SLF001 - as above
            sizes[function.__name__] = len(content) if machine_of(content) == wanted else 0
            print(f"{function.__name__:24s} {sizes[function.__name__]:9,} bytes", flush=True)
            return build(function, types, options)

        compiled._build = spy  # noqa: SLF001 - as above
        from stilt.footprint import calc
        from stilt.transport.native.warm import warm

        warm()
        calc.warm()
    print(f"{len(sizes)} kernels for {triple}")
    return int(not sizes or not all(sizes.values()))


if __name__ == "__main__":
    sys.exit(main())
