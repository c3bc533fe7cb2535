/*
 * Load a congestion control in BPF and keep it registered until standard input ends:
 *
 *     struct_ops OBJECT [name=value...]
 *
 * Prints "loaded" when it is registered. Parameters are "const volatile" variables of the object.
 * Everything that libbpf says goes to standard error.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int say(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, arguments);
}

/* Set one variable of .rodata before it is loaded; its size is its type's. */
static int set_parameter(struct bpf_object *object, const char *word)
{
	const char *equals = strchr(word, '=');
	struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map;
	const struct btf_type *section;
	size_t size;
	char *values;
	int id;

	bpf_object__for_each_map(map, object)
		if (strstr(bpf_map__name(map), ".rodata"))
			break;
	id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -1;
	if (!equals || !map || id < 0)
		goto unknown;
	section = btf__type_by_id(btf, id);
	values = (char *)bpf_map__initial_value(map, &size);
	for (int i = 0; i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *place = btf_var_secinfos(section) + i;
		const char *name = btf__name_by_offset(btf, btf__type_by_id(btf, place->type)->name_off);
		long long value = strtoll(equals + 1, NULL, 0);

		if (strncmp(name, word, equals - word) || name[equals - word])
			continue;
		if (place->size > sizeof(value) || place->offset + place->size > size)
			break;
		memcpy(values + place->offset, &value, place->size);
		return 0;
	}
unknown:
	fprintf(stderr, "there is no parameter for '%s': const volatile int ...;\n", word);
	return -1;
}

int main(int count, char **words)
{
	struct bpf_object *object;
	struct bpf_map *map;
	int attached = 0;
	char byte;

	libbpf_set_print(say);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	object = count > 1 ? bpf_object__open_file(words[1], NULL) : NULL;
	if (!object)
		return fprintf(stderr, "%s cannot be opened: %s\n", count > 1 ? words[1] : "?",
			       strerror(errno)), 1;
	for (int i = 2; i < count; i++)
		if (set_parameter(object, words[i]))
			return 1;
	if (bpf_object__load(object))
		return fprintf(stderr, "the kernel refuses it: %s\n", strerror(errno)), 1;
	bpf_object__for_each_map(map, object) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		if (!bpf_map__attach_struct_ops(map))
			return fprintf(stderr, "it cannot be registered: %s\n", strerror(errno)), 1;
		attached++;
	}
	if (!attached)
		return fprintf(stderr, "it has no SEC(\".struct_ops\")\n"), 1;
	puts("loaded");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;	/* the kernel lets go of it with the last descriptor */
}
