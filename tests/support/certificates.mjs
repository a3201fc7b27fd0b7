// Certificates for tests, made by the openssl command; each is its own authority.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const openssl = (args) => promisify(execFile)("openssl", args);

/**
 * A certificate for these names (DNS names or addresses, the first is also its common name) as
 * files in folder: { certFile, keyFile, cert }. Files of the same name are replaced.
 */
export async function makeCertificate(folder, name, names = ["localhost", "127.0.0.1"]) {
    const certFile = join(folder, `${name}.cert.pem`);
    const keyFile = join(folder, `${name}.key.pem`);
    const alternatives = names.map((each) => `${/^[\d.]+$/.test(each) ? "IP" : "DNS"}:${each}`).join(",");
    await openssl(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", `/CN=${names[0]}`, "-addext", `subjectAltName=${alternatives}`, "-keyout", keyFile, "-out", certFile]);
    return { certFile, keyFile, cert: await readFile(certFile, "utf8") };
}

/** The key again, encrypted with a password. */
export async function encryptKey(keyFile, outFile) {
    await openssl(["pkey", "-in", keyFile, "-aes128", "-passout", "pass:secret", "-out", outFile]);
}
