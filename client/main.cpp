/// braid-client: the command line of the client daemon.
#include "client/config.hpp"
#include "client/instance.hpp"
#include "client/status_table.hpp"
#include "common/admin/cli.hpp"
#include "common/admin/key_tool.hpp"
#include "common/crypto/keys.hpp"
#include "common/sys/privilege.hpp"

#include <cstdio>

int main(int argc, char** argv)
{
    using namespace braid;
    const auto ready = forbid_core_dumps().and_then(crypto::init);
    if (!ready) {
        std::fprintf(stderr, "error: %s\n", ready.error().text().c_str());
        return static_cast<int>(ExitCode::failure);
    }
    const Program program{
        .name = "braid-client",
        .summary = "Bonds this host's uplinks into one encrypted tunnel to a braid-server.",
        .version = BRAID_VERSION,
        .default_config = "/etc/braid/client.yaml",
        .default_settings = ClientConfig{}.daemon,
        .load = ClientInstance::load,
        .status_table = client_status_table,
        .keys = key_tool(),
    };
    return run_cli(program, argc, argv);
}
