// SPDX-License-Identifier: MIT
// named: several layers as one model, with names, like the members of a torch.nn.Module. See docs/03-layout.md.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI {

/// A model of several named parts. `Part` is `Layer&` for a part that it refers to, a value type for one that it owns.
/// Made by named().
template <class... Part>
class Named {
 public:
  /// names[i] is the name of parts[i]. Throws rondo::error for an empty name, for two parameters with one name, and for
  /// one parameter with two names (the optimiser would update it twice).
  Named(std::array<std::string, sizeof...(Part)> names, std::tuple<Part...> parts)
      : names_(std::move(names)), parts_(std::move(parts)) {
    for (const std::string& name : names_)
      if (name.empty()) throw error("named: a name is empty");
    std::map<std::string, const void*> address;
    std::map<const void*, std::string> name_at;
    std::as_const(*this).for_each_parameter([&](const Path& path, const auto& parameter) {
      const std::string name(path.text());
      if (!address.emplace(name, &parameter).second) throw error("named: two parameters are called " + name);
      if (const auto [there, added] = name_at.emplace(&parameter, name); !added)
        throw error("named: one parameter is called " + there->second + " and " + name);
    });
  }

  /// Calls f(path, parameter) for the parameters of all parts.
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    visit([&](const std::string& name, auto& part) { part.for_each_parameter(f, path / name); }, *this);
  }
  /// Calls f(path, parameter) for the parameters of all parts, read-only.
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) const {
    visit([&](const std::string& name, const auto& part) { detail::visit_parameters(part, f, path / name); }, *this);
  }

 private:
  template <class F, class Self>
  static void visit(F&& f, Self& self) {
    std::apply(
        [&](auto&... part) {
          std::size_t i = 0;
          (f(self.names_[i++], part), ...);
        },
        self.parts_);
  }

  std::array<std::string, sizeof...(Part)> names_;
  std::tuple<Part...> parts_;
};

namespace detail {

template <class T>
concept PartName = std::is_convertible_v<const T&, std::string_view>;

struct AnyVisitor {
  template <class P>
  void operator()(const Path&, P&) const {}
};

template <class Model>
concept HasParameters = requires(Model& model, const AnyVisitor& f, const Path& path) {
  model.for_each_parameter(f, path);
};

/// `arguments` are name, model, name, model ...: an lvalue is stored as a reference, an rvalue is moved in.
template <class Arguments, std::size_t... I>
auto named_from_pairs(Arguments&& arguments, std::index_sequence<I...>) {
  static_assert((PartName<std::remove_cvref_t<std::tuple_element_t<2 * I, Arguments>>> && ...),
                "rondo::named: wanted a name before each model: named(\"lstm\", lstm, \"fc\", fc)");
  static_assert((HasParameters<std::remove_reference_t<std::tuple_element_t<2 * I + 1, Arguments>>> && ...),
                "rondo::named: a part has no for_each_parameter: named(\"lstm\", lstm, \"fc\", fc)");
  using Result = Named<std::conditional_t<std::is_lvalue_reference_v<std::tuple_element_t<2 * I + 1, Arguments>>,
                                          std::tuple_element_t<2 * I + 1, Arguments>,
                                          std::remove_cvref_t<std::tuple_element_t<2 * I + 1, Arguments>>>...>;
  return Result({std::string(std::string_view(std::get<2 * I>(arguments)))...},
                {std::forward<std::tuple_element_t<2 * I + 1, Arguments>>(std::get<2 * I + 1>(arguments))...});
}

}  // namespace detail

/// named(name, model, name, model, ...): several layers as one model, for the optimiser, clipping, zero_grad,
/// checkpoints and copy_weights. It refers to models passed as lvalues, which must outlive it, and owns models passed
/// as rvalues. Throws rondo::error as the constructor of Named does.
///
/// @code
/// auto model = rondo::named("encoder", rondo::named("embedding", embedding, "lstm", lstm), "fc", fc);
/// adam.step(model);  // parameters encoder.embedding.weight, encoder.lstm.weight_ih_l0, ..., fc.bias
/// @endcode
template <class... Argument>
auto named(Argument&&... arguments) {
  static_assert(sizeof...(Argument) % 2 == 0 && sizeof...(Argument) > 0,
                "rondo::named: wanted a name for every model: named(\"lstm\", lstm, \"fc\", fc)");
  return detail::named_from_pairs(std::forward_as_tuple(std::forward<Argument>(arguments)...),
                                  std::make_index_sequence<sizeof...(Argument) / 2>());
}

}  // namespace rondo::inline RONDO_ABI
