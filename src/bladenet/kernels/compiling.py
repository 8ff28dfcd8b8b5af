"""How kernels are compiled: without the GIL, with few signatures.

What Python calls is cached on disk. What only other kernels call is not: a function that comes from the cache cannot be
inlined, one that has just been compiled can, so that the code of a kernel would depend on what was compiled before it.
Sums are still rounded otherwise by the process that compiles than by those that load its code.
"""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
inner = njit(nogil=True, error_model="numpy")
# sums in any order, so that they can run in SIMD; NaN and inf keep their meaning
inner_sums = njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
