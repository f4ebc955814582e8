#include <optional>
#include <variant>

#include "app/recorder/hdf5_detail.hpp"

namespace scalebench::hdf5 {
namespace {

Handle scalar() { return {H5Screate(H5S_SCALAR), H5Sclose, "make a scalar"}; }

Handle create_attribute(const Handle& object, const std::string& name, const Handle& type) {
  const Handle space = scalar();
  const Handle properties(H5Pcreate(H5P_ATTRIBUTE_CREATE), H5Pclose, "make attribute properties");
  check(H5Pset_char_encoding(properties.id(), H5T_CSET_UTF8), "encode a name");
  return {H5Acreate2(object.id(), to_utf8(name).c_str(), type.id(), space.id(), properties.id(), H5P_DEFAULT), H5Aclose,
          "make the attribute " + name};
}

void set_number(const Handle& object, const std::string& name, hid_t stored, hid_t native, const void* value) {
  const Handle type(H5Tcopy(stored), H5Tclose, "copy a type");
  check(H5Awrite(create_attribute(object, name, type).id(), native, value), "write the attribute " + name);
}

std::optional<Attribute> read(const Handle& attribute, const std::string& name) {
  const std::string doing = "read the attribute " + name;
  const Handle space(H5Aget_space(attribute.id()), H5Sclose, doing), type(H5Aget_type(attribute.id()), H5Tclose, doing);
  if (check(H5Sget_simple_extent_npoints(space.id()), doing) != 1) return std::nullopt;
  const H5T_class_t kind = H5Tget_class(type.id());
  if (kind == H5T_INTEGER) {
    std::int64_t value = 0;
    check(H5Aread(attribute.id(), H5T_NATIVE_INT64, &value), doing);
    return value;
  }
  if (kind == H5T_FLOAT) {
    double value = 0;
    check(H5Aread(attribute.id(), H5T_NATIVE_DOUBLE, &value), doing);
    return value;
  }
  if (kind != H5T_STRING || check(H5Tis_variable_str(type.id()), doing) == 0) return std::nullopt;
  const Handle memory = text_type_like(type, name);
  Strings text(memory, space, 1);
  check(H5Aread(attribute.id(), memory.id(), text.data()), doing);
  return text.copy().front();
}

Handle open_attribute(const Handle& object, const std::string& name) {
  return {H5Aopen(object.id(), name.c_str(), H5P_DEFAULT), H5Aclose, "open the attribute " + name};
}

herr_t collect(hid_t /*object*/, const char* name, const H5A_info_t* /*info*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

}  // namespace

Handle text_type(H5T_cset_t set) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "copy a type");
  check(H5Tset_size(type.id(), H5T_VARIABLE), "make a text type");
  check(H5Tset_cset(type.id(), set), "make a text type");
  return type;
}

Handle text_type_like(const Handle& stored, std::string_view what) {
  if (H5Tget_class(stored.id()) != H5T_STRING || H5Tis_variable_str(stored.id()) <= 0)
    throw Fault(std::string(what) + " is not variable-length text");
  return text_type(H5Tget_cset(stored.id()));
}

void set_attribute(const Handle& object, const std::string& name, const Attribute& value) {
  if (const auto* real = std::get_if<double>(&value)) {
    set_number(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, real);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    set_number(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, integer);
  } else {
    const std::string clean = to_utf8(std::get<std::string>(value));
    const char* text = clean.c_str();
    const Handle type = text_type();
    check(H5Awrite(create_attribute(object, name, type).id(), type.id(), &text), "write the attribute " + name);
  }
}

void Group::set(const std::string& name, const Attribute& value) { set_attribute(handle_, name, value); }

void Group::set(const Attributes& values) {
  for (const auto& [name, value] : values) set(name, value);
}

bool Group::has_attribute(const std::string& name) const {
  return check(H5Aexists(handle_.id(), name.c_str()), "look for the attribute " + name) > 0;
}

Attribute Group::attribute(const std::string& name) const {
  const auto value = read(open_attribute(handle_, name), name);
  if (!value) throw Fault("the attribute " + name + " is neither a number nor a variable-length text");
  return *value;
}

Attributes Group::attributes() const {
  std::vector<std::string> names;
  check(H5Aiterate2(handle_.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), "list attributes");
  Attributes values;
  for (const std::string& name : names)
    if (auto value = read(open_attribute(handle_, name), name)) values.emplace(name, std::move(*value));
  return values;
}

}  // namespace scalebench::hdf5
