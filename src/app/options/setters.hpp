// What the rows of the table of options set; parameters of templates, so that a row is one line.
#pragma once

#include <type_traits>

#include "app/options/options.hpp"
#include "app/options/values.hpp"

namespace scalebench {

template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using type = T;
};
template <auto Member>
using MemberType = typename Unwrapped<std::remove_cvref_t<decltype(std::declval<Options&>().*Member)>>::type;

template <auto Member, std::int64_t Least, std::int64_t Most>
void set_whole(Options& options, const Given& given) {
  options.*Member = static_cast<MemberType<Member>>(whole_in(given, Least, Most));
}

template <auto Member, std::int64_t Least, std::int64_t Most>
void set_bytes(Options& options, const Given& given) {
  options.*Member = static_cast<MemberType<Member>>(bytes_in(given, Least, Most));
}

template <auto Member>
void set_duration(Options& options, const Given& given) {
  options.*Member = duration_in(given, 0, 1e7);  // some months
}

template <auto Member>
void set_text(Options& options, const Given& given) {
  options.*Member = text_in(given);
}

template <auto Member>
void set_yes(Options& options, const Given& given) {
  options.*Member = yes_no(given);
}

template <auto Member, auto& Choices>
void set_choice(Options& options, const Given& given) {
  options.*Member = static_cast<MemberType<Member>>(choice_in(given, Choices));
}

}  // namespace scalebench
