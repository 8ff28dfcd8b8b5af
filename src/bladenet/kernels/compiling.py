"""How kernels are compiled: without the GIL, with few signatures.

What Python calls is cached on disk. What only other kernels call is not: a function that comes from the cache cannot be
inlined, one that has just been compiled can, so that the code of a kernel would depend on what was compiled before it.
A loop of `inner_sums` either writes or sums, except within one buffer (`cut`): one that does both is vectorised only
where arrays are not close in memory, and would round differently from call to call.
"""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
inner = njit(nogil=True, error_model="numpy")
# sums in any order, so that they can run in SIMD; NaN and inf keep their meaning
inner_sums = njit(nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
