// SPDX-License-Identifier: MIT
// The equations of the cells with packed kernels. Included once for each value type: no include guard. Templates, so a
// cell costs nothing until it is used.

template <class Cell>
struct Equations;

#include <rondo/math/cells/gru.inl>
#include <rondo/math/cells/lstm.inl>
