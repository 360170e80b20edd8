"""Compile every kernel for another CPU, to see that nothing in them is this one's alone; run them on an emulated one.

    .venv/bin/python tools/other_cpu.py [aarch64-unknown-linux-gnu] [--run]

Prints the size of each object file. ``--run`` computes particles and a footprint on made-up meteorology twice: here,
and with each call of a kernel handed to a process of that CPU, and prints how far the results lie apart. It needs a C
compiler for that CPU and qemu's emulator of user programs (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross,
qemu-user). The code is what numba makes for this CPU, handed to LLVM once more; Python and numpy stay here.
"""

from __future__ import annotations

import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

MACHINES = {"aarch64": 183, "powerpc64le": 21, "riscv64": 243}
"""Numbers of ELF, by the first part of a triple."""

PARTICLES, HOURS, SEEDS = 100, 12, 3
MOST_PARTED = 0.1
"""Share of particles that may go other ways, each from one rounding on."""

DRIVER = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
extern int32_t kernel(void *, void *, {types}) __asm__("{symbol}");
static char *array[{arrays} + 1];
static void take(void *into, size_t bytes) {{ if (bytes && fread(into, bytes, 1, stdin) != 1) exit(0); }}
int main(void) {{
  for (;;) {{
    union {{ int64_t i; double d; }} v[{values}];
    int64_t bytes[{arrays} + 1], out[2] = {{0, 0}};
    void *problem = 0;
    take(v, sizeof v);
    take(bytes, {arrays} * 8);
    for (int n = 0; n < {arrays}; n++) {{ array[n] = realloc(array[n], bytes[n] + 64); take(array[n], bytes[n]); }}
    out[0] = kernel(out + 1, &problem, {arguments});
    fwrite(out, sizeof out, 1, stdout);
    for (int n = 0; n < {arrays}; n++) fwrite(array[n], 1, bytes[n], stdout);
    fflush(stdout);
  }}
}}
"""


def compiled_for(triple: str, module: Any) -> bytes:
    """Return the object file of a module's code, compiled for a triple."""
    from llvmlite import binding

    text = re.sub(r"^target (triple|datalayout) = .*$", "", str(module), flags=re.MULTILINE)
    text = re.sub(r'"target-(cpu|features)"="[^"]*"', "", text)
    machine = binding.Target.from_triple(triple).create_target_machine(opt=3, codemodel="small")
    again = binding.parse_assembly(text)
    again.triple, again.data_layout = triple, str(machine.target_data)
    again.verify()
    return bytes(machine.emit_object(again))


def machine_of(content: bytes) -> int:
    """Return the number of the CPU that an ELF file is for."""
    return int(struct.unpack_from("<H", content, 18)[0])


class OtherCpu:
    """Takes the place of what makes and links machine code in this process.

    Attributes
    ----------
    sizes
        Bytes of the object file of each kernel; 0 where it is not for that CPU.
    programs
        Kernels that an emulated process runs.
    calls
        How often one was called.
    """

    def __init__(self, triple: str, folder: Path, *, runs: bool) -> None:
        from llvmlite import binding

        from stilt.kernels import compiled

        binding.initialize_all_targets()
        binding.initialize_all_asmprinters()
        self.sizes: dict[str, int] = {}
        self.programs: list[str] = []
        self.calls = 0
        self._triple, self._folder, self._runs = triple, folder, runs
        self._wanted = MACHINES[triple.partition("-")[0]]
        self._objects: dict[str, tuple[Path, str]] = {}
        compiled._build = self.build  # noqa: SLF001 - where each kernel passes
        compiled._link = self.link  # noqa: SLF001 - as above

    def build(self, function: Any, types: Any, options: Any) -> bytes:
        """Compile a kernel for the other CPU."""
        from stilt.kernels import compiled

        numba = compiled._numba()  # noqa: SLF001 - as above
        dispatcher = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)
        dispatcher.compile(types)
        (result,) = dispatcher.overloads.values()
        content = compiled_for(self._triple, result.library._final_module)  # noqa: SLF001 - as above
        name, symbol = function.__name__, result.fndesc.llvm_func_name
        self.sizes[name] = len(content) if machine_of(content) == self._wanted else 0
        print(f"{name:24s} {self.sizes[name]:9,} bytes", flush=True)
        path = self._folder / f"{len(self._objects)}.o"
        path.write_bytes(content)
        self._objects[symbol] = path, name
        return f"{symbol}\n{numba.types.unliteral(result.signature.return_type)}\n".encode()

    def link(self, content: bytes, _values: Sequence[int | float]) -> Callable[..., object]:
        """Return what calls a kernel in an emulated process, or what does nothing where none is to be run."""
        from stilt.kernels import compiled

        symbol, result_type, _ = content.split(b"\n", 2)
        make_result = compiled._RESULTS[result_type.decode()]  # noqa: SLF001 - as above
        process: subprocess.Popen[bytes] | None = None

        def call(values: Sequence[int | float], arguments: tuple[object, ...]) -> object:
            nonlocal process
            if not self._runs:
                return 0
            arrays = list(arrays_of(arguments))
            if process is None:
                process = self._start(symbol.decode(), values, arrays)
            status, result = exchange(process, values, arrays)
            self.calls += 1
            if status not in {0, compiled._NOTHING}:  # noqa: SLF001 - as above
                raise RuntimeError(f"{symbol.decode()} ended with status {status}")
            return make_result.from_buffer_copy(struct.pack("<q", result)).value

        return call

    def _start(
        self, symbol: str, values: Sequence[int | float], arrays: list[NDArray[Any]]
    ) -> subprocess.Popen[bytes]:
        """Link a kernel with a program that calls it, and start that."""
        cpu = self._triple.partition("-")[0]
        at = places_of(values, arrays)
        types = ["double" if isinstance(value, float) else "int64_t" for value in values]
        takes = [f"v[{n}].{kind[0]}" for n, kind in enumerate(types)]
        for number, place in enumerate(at):
            takes[place] = f"(int64_t) array[{number}]"
        path, name = self._objects[symbol]
        self.programs.append(name)
        source = path.with_suffix(".c")
        counts = {"arrays": len(arrays), "values": len(values)}
        text = DRIVER.format(
            types=", ".join(types), symbol=symbol, arguments=", ".join(takes), **counts
        )
        source.write_text(text)
        program = str(source.with_suffix(""))
        command = [f"{cpu}-linux-gnu-gcc", "-O1", "-static", "-o", program, str(source)]
        subprocess.run([*command, str(path), "-lm"], check=True)
        return subprocess.Popen(
            [f"qemu-{cpu}", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )


def arrays_of(value: object) -> Iterator[NDArray[Any]]:
    """Yield the arrays of a kernel's arguments, in their order."""
    if isinstance(value, tuple):
        for part in value:
            yield from arrays_of(part)
    elif isinstance(value, np.ndarray):
        yield value


def places_of(values: Sequence[int | float], arrays: list[NDArray[Any]]) -> list[int]:
    """Return at which place of a kernel's flat arguments the address of each array stands."""
    found: list[int] = []
    for array in arrays:
        head = [0, 0, array.size, array.itemsize, array.__array_interface__["data"][0]]
        first = found[-1] + 1 if found else 0
        found.append(next(n for n in range(first, len(values)) if values[n - 4 : n + 1] == head))
    return found


def exchange(
    process: subprocess.Popen[bytes], values: Sequence[int | float], arrays: list[NDArray[Any]]
) -> tuple[int, int]:
    """Have a process call its kernel; fill the arrays that it may write; return its status and its result."""
    to, back = cast("tuple[BinaryIO, BinaryIO]", (process.stdin, process.stdout))
    kinds = "".join("d" if isinstance(value, float) else "q" for value in values)
    to.write(struct.pack(f"<{kinds}", *values))
    to.write(struct.pack(f"<{len(arrays)}q", *(array.nbytes for array in arrays)))
    for array in arrays:
        to.write(array.tobytes())
    to.flush()
    status, result = struct.unpack("<2q", back.read(16))
    for array in arrays:
        answer = back.read(array.nbytes)
        if array.flags.writeable:
            array.reshape(-1).view(np.uint8)[:] = np.frombuffer(answer, np.uint8)
    return status, result


def results() -> dict[str, NDArray[Any]]:
    """Compute particles as they are printed, and a footprint, by seed and column."""
    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.calc import calc_footprint
    from stilt.foundations.simulation import Receptor
    from tests.meteorology import KINDS
    from tests.native import kinds

    found: dict[str, NDArray[Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        met = kinds.write_kind(Path(folder), "ngm")
        where = KINDS["ngm"].at(0.5, 0.5)
        config = Config(
            mets={"met": met}, n_hours=-HOURS, numpar=PARTICLES, model="native", roughness=0.2
        )
        east, north = round(where[0]), round(where[1])
        grid = FootprintGrid(east - 3, east + 3, north - 3, north + 3, 0.05, 0.05)
        receptor = Receptor("202106011800", (where[0],), (where[1],), (50.0,))
        for seed in range(SEEDS):
            table = kinds.compute(config, where, 50.0, 18.0, seed)
            for name, values in table.columns.items():
                found[f"{seed} {name}"] = values
            found[f"{seed} footprint"] = calc_footprint(table, grid, receptor).values
    return found


def apart(here: dict[str, NDArray[Any]], there: dict[str, NDArray[Any]]) -> bool:
    """Print how far two results lie apart; tell whether more than a few particles go other ways.

    Which products are rounded before they are added is up to the compiler of a CPU. Such a difference, of the 16th
    digit, stays below the printed ones until a particle passes an interface on one CPU and bounces on the other.
    """
    parted = 0
    sums: list[float] = []
    for seed in range(SEEDS):
        index = here[f"{seed} indx"]
        names = [key.partition(" ")[2] for key in here if key.startswith(f"{seed} ")]
        columns = [name for name in names if name != "footprint"]
        unlike = [here[f"{seed} {name}"] != there[f"{seed} {name}"] for name in columns]
        parted += len(np.unique(index[np.any(unlike, axis=0)]))
        sums += [float(side[f"{seed} footprint"].sum(dtype=float)) for side in (here, there)]
    count = SEEDS * PARTICLES
    print(f"{count - parted} of {count} particles are the same in each printed digit of all rows")
    ours, theirs = sum(sums[::2]), sum(sums[1::2])
    print(f"footprint: {ours:.6g} here, {theirs:.6g} there, {100 * (theirs / ours - 1):+.2f} %")
    return parted > MOST_PARTED * count


def run(other: OtherCpu, expected: dict[str, NDArray[Any]]) -> bool:
    """Compute on the emulated CPU; tell whether the results are others than expected."""
    found = results()
    print(f"{other.calls} calls of {len(other.programs)} kernels on the emulated CPU")
    return apart(expected, found) or set(other.programs) != set(other.sizes)


def main() -> int:
    """Read the command line; return 1 where a kernel is not compiled for that CPU, or computes something else there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("triple", nargs="?", default="aarch64-unknown-linux-gnu")
    parser.add_argument("--run", action="store_true", help="on an emulated CPU, too")
    arguments = parser.parse_args()
    expected = {}
    if arguments.run:
        with get_context("spawn").Pool(1) as here:  # a process of its own: it links for this CPU
            expected = here.apply(results)
    with tempfile.TemporaryDirectory() as home:
        os.environ["STILT_HOME"] = home  # where no kernel is kept yet
        from stilt.footprint import calc
        from stilt.kernels.compiled import compile_ahead
        from stilt.particles import rounding
        from stilt.transport.native.warm import warm

        other = OtherCpu(arguments.triple, Path(home), runs=arguments.run)
        if arguments.run:
            differs = run(other, expected)
        else:
            differs = False
            warm()
            calc.warm()
            compile_ahead(rounding)
    print(f"{len(other.sizes)} kernels for {arguments.triple}")
    return int(differs or not other.sizes or not all(other.sizes.values()))


if __name__ == "__main__":
    sys.exit(main())
