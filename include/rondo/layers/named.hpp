// SPDX-License-Identifier: MIT
// named: several layers as one model, under the names that the user gives, as a torch.nn.Module names its members:
//
//   auto model = named("encoder", named("embedding", embedding, "lstm", lstm), "fc", fc);
//
// has the parameters encoder.lstm.weight_ih_l0, fc.weight and so on. It goes wherever a model goes: optimiser, clip,
// zero_grad, checkpoint, copy_weights. See docs/03-layout.md.
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

/// Models under names. `Part` is `Layer&` for what it refers to, a value for what it owns.
template <class... Part>
class Named {
 public:
  /// Throws rondo::error for an empty name, for two parameters of one name, and for a parameter that has two names (the
  /// optimiser would move it twice). names[i] belongs to parts[i].
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

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    visit([&](const std::string& name, auto& part) { part.for_each_parameter(f, path / name); }, *this);
  }
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

/// The odd ones of `arguments` are names, the even ones models: an lvalue stays a reference, an rvalue is moved in.
template <class Arguments, std::size_t... I>
auto named_from_pairs(Arguments&& arguments, std::index_sequence<I...>) {
  static_assert((PartName<std::remove_cvref_t<std::tuple_element_t<2 * I, Arguments>>> && ...),
                "rondo::named: names and models take turns: named(\"lstm\", lstm, \"fc\", fc)");
  static_assert((HasParameters<std::remove_reference_t<std::tuple_element_t<2 * I + 1, Arguments>>> && ...),
                "rondo::named: a part has no for_each_parameter: named(\"lstm\", lstm, \"fc\", fc)");
  using Result = Named<std::conditional_t<std::is_lvalue_reference_v<std::tuple_element_t<2 * I + 1, Arguments>>,
                                          std::tuple_element_t<2 * I + 1, Arguments>,
                                          std::remove_cvref_t<std::tuple_element_t<2 * I + 1, Arguments>>>...>;
  return Result({std::string(std::string_view(std::get<2 * I>(arguments)))...},
                {std::forward<std::tuple_element_t<2 * I + 1, Arguments>>(std::get<2 * I + 1>(arguments))...});
}

}  // namespace detail

/// named(name, model, name, model, ...): one model of them all. It refers to what has a name of its own in the calling
/// code, which must outlive it, and owns what is passed as a temporary. Throws as the constructor of Named does.
template <class... Argument>
auto named(Argument&&... arguments) {
  static_assert(sizeof...(Argument) % 2 == 0 && sizeof...(Argument) > 0,
                "rondo::named: a name for every model: named(\"lstm\", lstm, \"fc\", fc)");
  return detail::named_from_pairs(std::forward_as_tuple(std::forward<Argument>(arguments)...),
                                  std::make_index_sequence<sizeof...(Argument) / 2>());
}

}  // namespace rondo::inline RONDO_ABI
