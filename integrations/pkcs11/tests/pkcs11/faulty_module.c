// SoftHSM's module with a fault. One of the macros names the fault:
// - HANGS: C_Initialize makes the file MARKER, and does not return.
// - FINAL_TRY: the token says that one more wrong PIN locks it.
// - NO_SHA512: the token lists RSA-PSS with SHA-512, but does not sign with it; nor does it sign a hash.
// - REMOVED: while there is the file MARKER, the token is removed when it signs.
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long number;
typedef number (*function)(void);

// CK_FUNCTION_LIST of version 2.40. The functions have these places in it.
enum { INITIALIZE = 0, GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, SIGN_INIT = 42, SIGN = 43, FUNCTIONS = 68 };
struct functions {
    unsigned char version[2];
    function of[FUNCTIONS];
};
struct token_info {
    unsigned char texts[96];
    number flags;
};
struct mechanism {
    number type;
    void *parameters;
    number length;
};

static struct functions *softhsm;
static struct functions faulty;

#ifdef HANGS
static number initialize(void *arguments) {
    (void)arguments;
    close(creat(MARKER, 0600));
    for (;;) pause();
}
#endif

#ifdef FINAL_TRY
static number get_token_info(number slot, struct token_info *info) {
    number result = ((number (*)(number, void *))softhsm->of[GET_TOKEN_INFO])(slot, info);
    info->flags |= 0x00020000; // CKF_USER_PIN_FINAL_TRY
    return result;
}
#endif

#ifdef NO_SHA512
static number sign_init(number session, struct mechanism *mechanism, number key) {
    // CKM_RSA_PKCS_PSS and CKM_SHA512_RSA_PKCS_PSS.
    if (mechanism->type == 0x0d || mechanism->type == 0x45) return 0x70; // CKR_MECHANISM_INVALID
    return ((number (*)(number, void *, number))softhsm->of[SIGN_INIT])(session, mechanism, key);
}
#endif

#ifdef REMOVED
static number sign(number session, void *data, number length, void *signature, number *signature_length) {
    if (!access(MARKER, F_OK)) return 0x32; // CKR_DEVICE_REMOVED
    number (*call)(number, void *, number, void *, number *) =
        (number (*)(number, void *, number, void *, number *))softhsm->of[SIGN];
    return call(session, data, length, signature, signature_length);
}
#endif

number C_GetFunctionList(struct functions **list) {
    void *module = dlopen(SOFTHSM, RTLD_NOW);
    if (!module) return 5; // CKR_GENERAL_ERROR
    number (*get)(struct functions **) = (number (*)(struct functions **))dlsym(module, "C_GetFunctionList");
    number result = get(&softhsm);
    if (result) return result;
    memcpy(&faulty, softhsm, sizeof faulty);
    faulty.of[GET_FUNCTION_LIST] = (function)C_GetFunctionList;
#ifdef HANGS
    faulty.of[INITIALIZE] = (function)initialize;
#endif
#ifdef FINAL_TRY
    faulty.of[GET_TOKEN_INFO] = (function)get_token_info;
#endif
#ifdef NO_SHA512
    faulty.of[SIGN_INIT] = (function)sign_init;
#endif
#ifdef REMOVED
    faulty.of[SIGN] = (function)sign;
#endif
    *list = &faulty;
    return 0;
}
