variable "kernel" {
  description = "A raw s390x kernel image: an http(s) URL, or a path on this machine."
  type        = string
}

variable "initrd" {
  description = "An initrd for that kernel: an http(s) URL, or a path on this machine."
  type        = string
}

variable "tftp_root" {
  description = "Directory on the libvirt host that guests boot from."
  type        = string
  default     = "/srv/tftp-quickstart"
}

variable "console_log_dir" {
  description = "Folder on this machine that shows the guest's console while it boots."
  type        = string
  default     = null
}
