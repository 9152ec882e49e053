/// The key verbs' tool (keygen, pubkey) for key pairs as both programs use them.
#pragma once

#include "common/admin/program.hpp"

namespace braid {

[[nodiscard]] KeyTool key_tool();

} // namespace braid
