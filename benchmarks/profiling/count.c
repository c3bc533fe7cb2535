/*
 * A QEMU plugin (linux: include/qemu/qemu-plugin.h, version 1) that counts how often each translated block of the guest is executed and how often it is
 * translated. The counts so far are written to FILE.0, FILE.1... at each SIGPROF, and to FILE.end when QEMU ends: lines of
 * "address(hex) instructions translations executions". Instruction counts do not depend on how fast or busy the machine is.
 *
 * Declares what it uses itself: the header is in no Debian package.
 */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_info;
enum { INLINE_ADD_U64 = 0, SLOTS = 1 << 18 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation, void *target, uint64_t value);
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);

int qemu_plugin_version = 1;

struct block {
    uint64_t address, executions;
    uint32_t instructions, translations;
    struct block *next;
};

static struct block *blocks[SLOTS];
static char base[4000] = "blocks";
static int dumps;

static struct block *find(uint64_t address, uint32_t instructions)
{
    uint32_t slot = ((address >> 1) ^ (address >> 19) ^ instructions) & (SLOTS - 1);
    struct block *each;

    for (each = blocks[slot]; each; each = each->next)
        if (each->address == address && each->instructions == instructions)
            return each;
    each = calloc(1, sizeof *each);
    each->address = address;
    each->instructions = instructions;
    each->next = blocks[slot];
    return blocks[slot] = each;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    struct block *block = find(qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb));

    (void)id;
    block->translations++;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &block->executions, 1);
}

static void write_counts(const char *ending)
{
    char name[sizeof base + 32], whole[sizeof base + 32];
    FILE *file;

    snprintf(name, sizeof name, "%s.part-%s", base, ending);
    file = fopen(name, "w");
    if (!file)
        return;
    for (int slot = 0; slot < SLOTS; slot++)
        for (struct block *each = blocks[slot]; each; each = each->next)
            fprintf(file, "%lx %u %u %lu\n", each->address, each->instructions, each->translations, each->executions);
    fclose(file);
    snprintf(whole, sizeof whole, "%s.%s", base, ending);
    rename(name, whole);
}

static void asked(int number)
{
    char ending[16];

    (void)number;
    snprintf(ending, sizeof ending, "%d", dumps++);
    write_counts(ending);
}

static void ended(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    write_counts("end");
}

int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int count, char **arguments)
{
    (void)info;
    if (count > 0 && strchr(arguments[0], '='))
        snprintf(base, sizeof base, "%s", strchr(arguments[0], '=') + 1);
    signal(SIGPROF, asked);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
