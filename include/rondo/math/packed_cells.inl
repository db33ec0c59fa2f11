// SPDX-License-Identifier: MIT
// The equations of the cells that packed passes run, for each place that supplies values of its own: no include guard.
// Nothing of a cell is compiled before it is used.

template <class Cell>
struct Equations;

#include <rondo/math/cells/gru.inl>
#include <rondo/math/cells/lstm.inl>
