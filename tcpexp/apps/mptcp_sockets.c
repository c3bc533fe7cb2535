/*
 * Makes a program's TCP sockets MPTCP sockets (RFC 8684): loaded with LD_PRELOAD, it asks the kernel for IPPROTO_MPTCP
 * where the program asks for TCP. The program notices nothing. A kernel without MPTCP refuses such a socket, and so
 * does this: what was asked for is never replaced in silence.
 *
 * It needs no C library of its own, so that one file fits every Linux of its architecture:
 *
 *     python -m tools.mptcp_sockets
 */
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_TYPE_MASK 0xf
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262

extern int *__errno_location(void);

static long system_socket(long domain, long type, long protocol)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(41L), "D"(domain), "S"(type), "d"(protocol) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long number __asm__("x8") = 198, first __asm__("x0") = domain, second __asm__("x1") = type,
		      third __asm__("x2") = protocol;

	__asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second), "r"(third) : "memory");
	return first;
#else
#error "this architecture's system call is not known here"
#endif
}

int socket(int domain, int type, int protocol)
{
	long result;

	if ((domain == AF_INET || domain == AF_INET6) && (type & SOCK_TYPE_MASK) == SOCK_STREAM &&
	    (protocol == 0 || protocol == IPPROTO_TCP))
		protocol = IPPROTO_MPTCP;
	result = system_socket(domain, type, protocol);
	if (result < 0) {
		*__errno_location() = (int)-result;
		return -1;
	}
	return (int)result;
}
