/// Keys made from keys: the one function behind every label in PROTOCOL.md, "Key schedule".
#pragma once

#include "common/base/bytes.hpp"
#include "common/crypto/secret.hpp"

#include <string_view>

namespace braid {

/// BLAKE2b-256 keyed with `secret` over: length of the label:8, label, context. Different
/// labels or contexts give independent keys. A label has at most 255 bytes.
[[nodiscard]] Secret<32> derive(const Secret<32>& secret, std::string_view label,
                                Bytes context = {});

} // namespace braid
