/* The floor of the reference: the least that a service on D-Bus can be. One name, one object, one
 * property, one loop of sd-bus. It is compiled and run by the benchmark alone. */
#include <stdint.h>
#include <systemd/sd-bus.h>

static uint64_t remaining_bytes = 31457280;

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("RemainingBytes", "t", NULL, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_VTABLE_END,
};

int main(void)
{
	sd_bus *bus = NULL;

	/* The bus is the one that DBUS_SESSION_BUS_ADDRESS names. */
	if (sd_bus_open_user(&bus) < 0)
		return 1;
	if (sd_bus_add_object_vtable(bus, NULL, "/org/example/Floor", "org.example.Floor", vtable,
				     &remaining_bytes) < 0)
		return 1;
	if (sd_bus_request_name(bus, "org.example.Floor", 0) < 0)
		return 1;
	for (;;) {
		int handled = sd_bus_process(bus, NULL);
		if (handled < 0)
			return 1;
		if (handled == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
			return 1;
	}
}
