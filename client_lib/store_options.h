// What a replica's Options mean for the store beneath it.
#ifndef CLIENT_LIB_STORE_OPTIONS_H_
#define CLIENT_LIB_STORE_OPTIONS_H_

#include "brigada/options.h"
#include "replica/store/device_store.h"

namespace brigada {

// Registry, clock and random of the product where `options` leaves them null.
void FillDefaults(Options* options);
// Of filled options.
DeviceStoreOptions StoreOptionsOf(const Options& options);

}  // namespace brigada

#endif  // CLIENT_LIB_STORE_OPTIONS_H_
