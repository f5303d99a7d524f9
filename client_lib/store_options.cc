#include "client_lib/store_options.h"

#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/schema/registry.h"
#include "replica/territory/territory.h"

namespace brigada {

void FillDefaults(Options* options) {
  if (options->registry == nullptr) options->registry = &Registry::BuiltIn();
  if (options->clock == nullptr) options->clock = &SystemClock();
  if (options->random == nullptr) options->random = &SystemRandom();
}

DeviceStoreOptions StoreOptionsOf(const Options& options) {
  DeviceStoreOptions store;
  store.registry = options.registry;
  store.clock = options.clock;
  store.random = options.random;
  store.folio_place = StateAbbreviation;
  return store;
}

}  // namespace brigada
