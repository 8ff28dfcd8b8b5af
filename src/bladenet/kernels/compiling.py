"""How kernels are compiled: cached on disk, without the GIL, with few signatures."""

from numba import njit

njit_cached = njit(cache=True, nogil=True, error_model="numpy")
# sums in any order, so that they can run in SIMD; NaN and inf keep their meaning
njit_sums = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
