/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scan of AML bytes for the sleeping states' packages: the forms that compilers emit, and the
 * ones that must not be taken for one.
 */
#include "fake_memory.h"

#include "core/acpi.h"

/* One Name (_S5_, ...) with the given bytes after the name. */
static bool scan_package(const char *bytes, size_t length, struct acpi_sleep_type *out)
{
    uint8_t *name = malloc(5 + length);
    bool found;

    assert_non_null(name);
    memcpy(name, "\x08_S5_", 5);
    memcpy(name + 5, bytes, length);
    found = acpi_scan_sleep_type(name, 5 + length, 5, out);
    assert_int_equal(found, out->present);
    free(name);
    return found;
}
#define SCAN(bytes, out) scan_package(bytes, sizeof(bytes) - 1, out)

static void forms_of_sleep_packages(void **state)
{
    struct acpi_sleep_type type;

    (void)state;
    assert_true(SCAN("\x12\x04\x02\x00\x01", &type) && type.a == 0 && type.b == 1);
    assert_true(SCAN("\x12\x04\x02\xff\x00", &type) && type.a == 7 && type.b == 0);
    assert_true(SCAN("\x12\x08\x02\x0b\x06\x00\x0b\x05\xff", &type) && type.a == 6 && type.b == 5);
    assert_true(SCAN("\x12\x08\x02\x0c\x03\x00\x00\x00\x01", &type) && type.a == 3 && type.b == 1);
    assert_true(SCAN("\x12\x0c\x02\x0e\x04\x00\x00\x00\x00\x00\x00\x00\x01", &type) && type.a == 4);
    assert_true(SCAN("\x12\x45\x00\x02\x00\x01", &type) && type.b == 1);
    assert_true(SCAN("\x12\x05\x01\x0b\x05\x02", &type) && type.a == 5 && type.b == 2);
}

static void malformed_sleep_packages(void **state)
{
    struct acpi_sleep_type type;

    (void)state;
    assert_false(SCAN("\x12\x03\x02\x00\x01", &type));      /* the package ends after one */
    assert_false(SCAN("\x12\x05\x02\x00\x01", &type));      /* and beyond the table */
    assert_false(SCAN("\x12\x04\x00\x00\x01", &type));      /* no elements */
    assert_false(SCAN("\x12\x04\x02\x0d\x01", &type));      /* a string */
    assert_false(SCAN("\x13\x04\x02\x00\x01", &type));      /* no package */
    assert_false(SCAN("\x12\xff\xff\xff\xff", &type));
    assert_false(SCAN("\x12\xc0", &type));
    assert_false(SCAN("\x12\x00\x02\x00\x01", &type));
    assert_false(SCAN("\x12", &type));
    assert_false(SCAN("", &type));
}

/* The name needs a Name operator before it, with or without the root character. */
static void names_around_sleep_packages(void **state)
{
    struct acpi_sleep_type type;

    (void)state;
    assert_false(acpi_scan_sleep_type((const uint8_t *)"_S5_\x12\x04\x02\x00\x01", 9, 5, &type));
    assert_false(acpi_scan_sleep_type((const uint8_t *)"\x08_S4_\x12\x04\x02\x00\x01", 10, 5,
                                      &type));
    assert_true(acpi_scan_sleep_type((const uint8_t *)"\x08_S5_\x08_S5_\x12\x04\x02\x00\x01", 15,
                                     5, &type));
    assert_true(acpi_scan_sleep_type((const uint8_t *)"\x08\\_S5_\x12\x04\x02\x00\x01", 11, 5,
                                     &type));
    assert_false(acpi_scan_sleep_type((const uint8_t *)"\x10\\_S5_\x12\x04\x02\x00\x01", 11, 5,
                                      &type));
    assert_false(acpi_scan_sleep_type(NULL, 0, 5, &type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_sleep_packages),
        cmocka_unit_test(malformed_sleep_packages),
        cmocka_unit_test(names_around_sleep_packages),
    };

    return cmocka_run_group_tests_name("acpi sleep types", tests, NULL, NULL);
}
